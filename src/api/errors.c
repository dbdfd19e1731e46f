/* The one table from err_code to HTTP: status, Retry-After and title. The shape of an error's body is its door's. */
#include "errors.h"

#include "api/api.h"

enum { RETRY_SOON_S = 1, RETRY_LATER_S = 5, RETRY_MUCH_LATER_S = 300 };

static const struct api_error errors[ERR_CODE_COUNT] = {
    [ERR_NONE] = { 500, 0, "Internal error" },
    [ERR_INVALID] = { 400, 0, "Invalid request" },
    [ERR_INVALID_FIELD] = { 400, 0, "Invalid field" },
    [ERR_INVALID_JSON] = { 400, 0, "Invalid JSON" },
    [ERR_UNAUTHORIZED] = { 401, 0, "Credentials are missing or wrong" },
    [ERR_FORBIDDEN] = { 403, 0, "Forbidden" },
    [ERR_HOST_REFUSED] = { 403, 0, "Host not served here" },
    [ERR_ORIGIN_REFUSED] = { 403, 0, "Origin refused" },
    [ERR_NOT_FOUND] = { 404, 0, "Not found" },
    [ERR_VM_NOT_FOUND] = { 404, 0, "VM not found" },
    [ERR_IMAGE_NOT_FOUND] = { 404, 0, "Image not found" },
    [ERR_FLAVOR_NOT_FOUND] = { 404, 0, "Flavor not found" },
    [ERR_OPERATION_NOT_FOUND] = { 404, 0, "Operation not found" },
    [ERR_KEYPAIR_NOT_FOUND] = { 404, 0, "Keypair not found" },
    [ERR_NETWORK_NOT_FOUND] = { 404, 0, "Network not found" },
    [ERR_USER_NOT_FOUND] = { 404, 0, "User not found" },
    [ERR_PROJECT_NOT_FOUND] = { 404, 0, "Project not found" },
    [ERR_ROLE_NOT_FOUND] = { 404, 0, "Role not found" },
    [ERR_TOKEN_NOT_FOUND] = { 404, 0, "Token not found" },
    [ERR_METHOD_NOT_ALLOWED] = { 405, 0, "Method not allowed" },
    [ERR_NOT_ACCEPTABLE] = { 406, 0, "Not acceptable" },
    [ERR_CONFLICT] = { 409, 0, "Conflict" },
    [ERR_INVALID_STATE] = { 409, 0, "Not possible in this state" },
    [ERR_VM_BUSY] = { 409, 0, "VM is busy" },
    [ERR_NAME_TAKEN] = { 409, 0, "Name is taken" },
    [ERR_NAME_AMBIGUOUS] = { 409, 0, "Name is ambiguous" },
    [ERR_IN_USE] = { 409, 0, "In use" },
    [ERR_VM_LOCKED] = { 409, 0, "VM is locked" },
    [ERR_ADDRESS_TAKEN] = { 409, 0, "Address is taken" },
    [ERR_CIDR_TAKEN] = { 409, 0, "Addresses are in use" },
    [ERR_NOT_SUPPORTED] = { 409, 0, "Not supported here" },
    [ERR_DOWNLOAD] = { 400, 0, "Download failed" },
    [ERR_NO_CAPACITY] = { 409, 0, "No capacity" },
    [ERR_QUOTA_EXCEEDED] = { 403, 0, "Quota exceeded" },
    [ERR_TOO_LARGE] = { 413, 0, "Request too large" },
    [ERR_UNSUPPORTED_MEDIA] = { 415, 0, "Unsupported content type" },
    [ERR_IDEMPOTENCY_KEY_REUSED] = { 422, 0, "Idempotency-Key was used for another request" },
    [ERR_TOO_MANY_REQUESTS] = { 429, RETRY_SOON_S, "Too many requests" },
    [ERR_UNAVAILABLE] = { 503, RETRY_LATER_S, "Unavailable" },
    [ERR_MAINTENANCE] = { 503, RETRY_MUCH_LATER_S, "Host in maintenance" },
    [ERR_TIMEOUT] = { 503, RETRY_LATER_S, "Timed out" },
    [ERR_CANCELLED] = { 409, 0, "Cancelled" },
    [ERR_DISK_FULL] = { 507, 0, "Disk full" },
    [ERR_IMAGE_REFUSED] = { 400, 0, "Image refused" },
    [ERR_TEMPLATE_INVALID] = { 500, 0, "Invalid domain template" },
    [ERR_HYPERVISOR] = { 500, 0, "Hypervisor error" },
    [ERR_FOREIGN_DOMAIN] = { 409, 0, "Domain belongs to somebody else" },
    [ERR_DOMAIN_MISSING] = { 409, 0, "Domain is missing" },
    [ERR_DISK_MISSING] = { 409, 0, "Disk is missing" },
    [ERR_CONFIG] = { 500, 0, "Invalid configuration" },
    [ERR_NO_MEMORY] = { 503, RETRY_LATER_S, "Out of memory" },
    [ERR_INTERNAL] = { 500, 0, "Internal error" },
};

const struct api_error *api_error(enum err_code code)
{
    return &errors[(unsigned)code < ERR_CODE_COUNT ? code : ERR_INTERNAL];
}

int api_error_status(enum err_code code)
{
    return api_error(code)->status;
}
