/* core/ssh_private: a private key in OpenSSH's own format, which every client reads. libssh writes RSA keys as PKCS#8 instead. */
#ifndef CORE_SSH_PRIVATE_H
#define CORE_SSH_PRIVATE_H

#include "base/err.h"

/* `pem`: what libssh exported: OpenSSH's format already, or RSA as PKCS#8 or PKCS#1. *out is for ssh_key_wipe. */
int ssh_private_to_openssh(const char *pem, const char *comment, char **out, struct err *e);

#endif
