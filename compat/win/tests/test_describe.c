/* What is said of Windows' errors where its sentences are not English. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <windows.h>

#include "describe_windows.h"

static const char *german; /* NULL: there is no sentence at all */

static DWORD WINAPI format_german(DWORD flags, const void *source, DWORD code, DWORD language,
                                  char *out, DWORD size, va_list *arguments)
{
    (void)flags;
    (void)source;
    (void)code;
    (void)size;
    (void)arguments;
    if (german == NULL || language != 0) {
        return 0;
    }
    (void)strcpy(out, german);
    return (DWORD)strlen(german);
}

/* The linker takes this in place of the pointer to FormatMessageA. */
extern void *const __wrap___imp_FormatMessageA;
void *const __wrap___imp_FormatMessageA = (void *)(uintptr_t)format_german;

static void test_describe(void **state)
{
    char out[64];
    (void)state;
    german = "Zugriff verweigert.\r\n";
    assert_string_equal(toa_describe(5, out, sizeof out), "Zugriff verweigert (5)");
    german = NULL;
    assert_string_equal(toa_describe(5, out, sizeof out), "error 5 of Windows");
    assert_string_equal(toa_describe(5, out, 8), "error 5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_describe)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
