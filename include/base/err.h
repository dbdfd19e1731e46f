/* base/err: the one error type. A function that can fail returns 0 or -1 and takes `struct err *e` last, never NULL. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

/* The closed list. Each code has one stable word (err_code_word) that clients see; api/errors.c alone knows HTTP statuses. */
enum err_code {
    ERR_NONE,
    ERR_INVALID,       /* the request as a whole makes no sense */
    ERR_INVALID_FIELD, /* one field does; err.field names it */
    ERR_INVALID_JSON,
    ERR_UNAUTHORIZED,
    ERR_FORBIDDEN,
    ERR_HOST_REFUSED, /* Host header not on the allow-list (DNS rebinding) */
    ERR_ORIGIN_REFUSED,
    ERR_NOT_FOUND, /* no such route or row without a better word */
    ERR_VM_NOT_FOUND,
    ERR_IMAGE_NOT_FOUND,
    ERR_FLAVOR_NOT_FOUND,
    ERR_OPERATION_NOT_FOUND,
    ERR_KEYPAIR_NOT_FOUND,
    ERR_NETWORK_NOT_FOUND,
    ERR_USER_NOT_FOUND,
    ERR_PROJECT_NOT_FOUND,
    ERR_ROLE_NOT_FOUND,
    ERR_TOKEN_NOT_FOUND,
    ERR_METHOD_NOT_ALLOWED,
    ERR_NOT_ACCEPTABLE,
    ERR_CONFLICT,      /* a compare-and-set lost, or the thing is not in a fit state */
    ERR_INVALID_STATE, /* the VM's status forbids the verb */
    ERR_VM_BUSY,       /* another task holds the VM */
    ERR_NAME_TAKEN,
    ERR_NAME_AMBIGUOUS,
    ERR_IN_USE,
    ERR_VM_LOCKED,     /* its owner has forbidden changes */
    ERR_ADDRESS_TAKEN, /* another port has it, or an old lease may still live */
    ERR_CIDR_TAKEN,    /* the host or another network uses these addresses */
    ERR_NOT_SUPPORTED, /* this host's libvirt cannot do it: no bridges in session mode */
    ERR_DOWNLOAD,      /* a URL did not yield what it should; err.msg says why */
    ERR_NO_CAPACITY,
    ERR_QUOTA_EXCEEDED, /* the project's; err.field names the resource */
    ERR_TOO_LARGE,
    ERR_UNSUPPORTED_MEDIA,
    ERR_IDEMPOTENCY_KEY_REUSED,
    ERR_TOO_MANY_REQUESTS,
    ERR_UNAVAILABLE, /* try again later: libvirt or the database does not answer */
    ERR_MAINTENANCE, /* the administrator lets nothing new come to be on the host; err.msg has the reason */
    ERR_TIMEOUT,     /* a deadline of ours passed */
    ERR_CANCELLED,
    ERR_DISK_FULL,
    ERR_IMAGE_REFUSED,    /* an image that the inspector does not let in */
    ERR_TEMPLATE_INVALID, /* templates/domain.xml: unreadable, or libvirt refuses what it makes */
    ERR_HYPERVISOR,       /* libvirt or QEMU said no; err.detail has its words */
    ERR_FOREIGN_DOMAIN,   /* a domain that does not carry our tag: never touched */
    ERR_DOMAIN_MISSING,
    ERR_DISK_MISSING,
    ERR_CONFIG,
    ERR_NO_MEMORY,
    ERR_INTERNAL,
    ERR_CODE_COUNT
};

struct err {
    enum err_code code;
    char field[64];    /* "" or the request field that is at fault */
    char msg[320];     /* safe for whoever asked: no path, no libvirt text, no secret */
    char detail[640];  /* for logs and administrators only */
    int retry_after_s; /* when to try again; 0: as the code has it */
};

#define ERR_INIT                                                                                                                 \
    {                                                                                                                            \
        ERR_NONE, "", "", "", 0                                                                                                  \
    }

/* All setters return -1, so that a failure is made and returned in one expression. Text that is too long is cut at a UTF-8
 * boundary. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int err_set_field(struct err *e, enum err_code code, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* From an errno: ENOSPC and EDQUOT become ERR_DISK_FULL, ENOMEM ERR_NO_MEMORY, EMFILE and ENFILE ERR_UNAVAILABLE, all else
 * ERR_INTERNAL. msg is fmt; detail is fmt and strerror. */
int err_errno(struct err *e, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Puts "<fmt>: " before msg; code, field and detail stay. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Sets detail (the administrator's half); code and msg stay. */
int err_detail(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void err_clear(struct err *e);

/* On stderr, as a program ends with it: "<who>: <msg>", and a line for the detail when there is one. */
void err_print(const struct err *e, const char *who);

/* "name_taken"; never NULL. */
const char *err_code_word(enum err_code code);
/* The code whose word this is, ERR_INTERNAL for an unknown word. */
enum err_code err_code_from_word(const char *word);

#endif
