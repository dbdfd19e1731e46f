/* The guests' door: one route. The token in the path is the credential, so the path is never logged; what a guest sends along is
 * thrown away. Errors have the native door's shape. */
#include "guest.h"

#include "../native/native.h"

#include "base/cleanup.h"
#include "core/vm.h"

static int phone_home(struct request *r, struct err *e)
{
    if (vm_phone_home(request_user(r), request_param(r, "id"), request_param(r, "token"), e) < 0)
        return -1;
    return request_reply_empty(r, 204, e);
}

static const struct route routes[] = {
    { "POST", "/v1/phone-home/{id}/{token}", "vm:phone-home", .handle = phone_home, .flags = ROUTE_PUBLIC | ROUTE_ANY_BODY },
};

const struct door guest_door = { .prefix = "", .routes = routes, .route_count = ARRAY_LEN(routes), .error = problem_reply };
