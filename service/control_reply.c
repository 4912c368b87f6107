#include "control.h"

bool toa_control_reply_fill(toa_control_reply *reply, const char *command,
                            toa_control_answer *answer, void *context)
{
    if (reply->text.len == 0 && !reply->whole) {
        reply->more = false;
        answer(context, command, reply);
        reply->whole = !reply->more;
        if (reply->whole) {
            toa_text_put(&reply->text, ".\n");
        }
    }
    return !reply->text.failed;
}
