/* Which of libvirt's errors mean that it is not there, and which that it said no. */
#include "libvirt_error.h"

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/str.h"

int libvirt_last_code(void)
{
    virErrorPtr error = virGetLastError();

    return error ? error->code : VIR_ERR_OK;
}

const char *libvirt_last_words(void)
{
    virErrorPtr error = virGetLastError();

    return error && error->message ? error->message : "no reason given";
}

/* Errors that the client's side of the wire makes: the connection is gone, or keepalive gave it up. */
static bool is_broken(const virError *error)
{
    static const int codes[] = { VIR_ERR_NO_CONNECT,  VIR_ERR_INVALID_CONN,   VIR_ERR_RPC,
                                 VIR_ERR_AUTH_FAILED, VIR_ERR_AUTH_CANCELLED, VIR_ERR_AUTH_UNAVAILABLE };

    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (error->code == codes[i])
            return true;
    return error->domain == VIR_FROM_RPC || error->domain == VIR_FROM_REMOTE;
}

int libvirt_failed(struct err *e, const char *msg)
{
    virErrorPtr error = virGetLastError();

    if (error && error->code == VIR_ERR_NO_DOMAIN)
        (void)err_set(e, ERR_DOMAIN_MISSING, "the domain does not exist");
    else if (error && is_broken(error))
        (void)err_set(e, ERR_UNAVAILABLE, "the hypervisor does not answer");
    else
        (void)err_set(e, ERR_HYPERVISOR, "%s", msg);
    return err_detail(e, "libvirt: %s", libvirt_last_words());
}

/* libvirt's words about a document; the machine's own troubles have other codes. */
static bool is_about_xml(int code)
{
    static const int codes[] = {
        VIR_ERR_XML_ERROR,
        VIR_ERR_XML_DETAIL,
        VIR_ERR_CONFIG_UNSUPPORTED,
        VIR_ERR_XML_INVALID_SCHEMA,
        VIR_ERR_INVALID_ARG,
        VIR_ERR_PARSE_FAILED,
        VIR_ERR_OS_TYPE,
        VIR_ERR_NO_OS,
        VIR_ERR_NO_SOURCE,
        VIR_ERR_NO_TARGET,
        VIR_ERR_NO_DEVICE,
        VIR_ERR_NO_NAME,
        VIR_ERR_INVALID_MAC,
        VIR_ERR_CPU_INCOMPATIBLE,
    };

    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i] == code)
            return true;
    return false;
}

int libvirt_template_failed(struct err *e, const char *file, const char *noun)
{
    AUTO_FREE char *msg = str_printf("the hypervisor did not accept the %s", noun);

    if (!is_about_xml(libvirt_last_code()))
        return libvirt_failed(e, msg ? msg : "the hypervisor did not accept it");
    (void)err_set(e, ERR_TEMPLATE_INVALID, "the hypervisor refuses what the %s template describes", noun);
    return err_detail(e, "templates/%s: %s", file, libvirt_last_words());
}
