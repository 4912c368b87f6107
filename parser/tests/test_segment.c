#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <toa/parser.h>

static void test_links(void **state)
{
    (void)state;
    assert_true(toa_link_known(TOA_LINK_ETHERNET));
    assert_false(toa_link_known(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
