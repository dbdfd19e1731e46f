/* core/hostname: from a VM's name to its hostname. DHCP and DNS carry it; what those programs read as something else is avoided
 * here. */
#include "hostname.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "store/vm.h"

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Runs of all else become one hyphen between what is kept; returns the length. */
static size_t keep(const char *name, size_t max, char *out)
{
    bool is_gap = false;
    size_t len = 0;

    for (const char *p = name; *p && len < max; p++) {
        char c = lower(*p);

        if (!is_letter_or_digit(c)) {
            is_gap = len > 0;
            continue;
        }
        if (is_gap && len + 2 > max)
            break;
        if (is_gap)
            out[len++] = '-';
        out[len++] = c;
        is_gap = false;
    }
    out[len] = '\0';
    return len;
}

/* dnsmasq reads some words of a host's entry as a lease time or an order, and everybody's localhost is another machine. */
static bool is_misread(const char *s)
{
    static const char *const words[] = { "ignore", "infinite", "localhost" };
    size_t digits = strspn(s, "0123456789");

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_equal(s, words[i]))
            return true;
    return digits > 0 && (!s[digits] || (strchr("smhdw", s[digits]) && !s[digits + 1]));
}

void hostname_of(const char *name, size_t spare, char out[HOSTNAME_LEN + 1])
{
    static const char prefix[] = "vm-";
    char kept[HOSTNAME_LEN + 1];
    size_t max = HOSTNAME_LEN - spare;

    if (keep(name, max, kept) == 0)
        (void)str_copy(kept, sizeof kept, "vm");
    if (is_misread(kept))
        (void)snprintf(out, max + 1, "%s%s", prefix, kept);
    else
        (void)str_copy(out, HOSTNAME_LEN + 1, kept);
}

int hostname_choose(struct txn *t, struct vm *vm, struct err *e)
{
    static const int digits[] = { 0, 4, 8 };

    for (size_t i = 0; i < ARRAY_LEN(digits); i++) {
        size_t spare = digits[i] > 0 ? (size_t)digits[i] + 1 : 0;
        char base[HOSTNAME_LEN + 1];
        bool is_taken = false;

        hostname_of(vm->name, spare, base);
        (void)snprintf(vm->hostname, sizeof vm->hostname, "%.*s%s%.*s", HOSTNAME_LEN - (int)spare, base, spare > 0 ? "-" : "",
                       digits[i], vm->id);
        if (store_vm_has_hostname(t, vm->project, vm->hostname, &is_taken, e) < 0)
            return -1;
        if (!is_taken)
            return 0;
    }
    return err_set(e, ERR_CONFLICT, "no hostname is free for '%s'; try again", vm->name);
}
