/* The Range header (RFC 9110, 14.2): which bytes of a file are wanted. Answers are response.c's. */
#include "range.h"

#include <string.h>
#include <strings.h>

#include "base/str.h"

enum { RANGE_MAX = 48 }; /* two numbers of 64 bits */

/* "-100": the last hundred. Of an empty file there is no last byte to name, so it is sent whole. */
static enum range_kind last_bytes(uint64_t wanted, uint64_t size, struct byte_range *out)
{
    if (wanted == 0)
        return RANGE_OUTSIDE;
    if (size == 0)
        return RANGE_WHOLE;
    out->len = wanted < size ? wanted : size;
    out->first = size - out->len;
    return RANGE_PART;
}

static enum range_kind from_to(uint64_t first, uint64_t last, uint64_t size, struct byte_range *out)
{
    if (first > last)
        return RANGE_WHOLE;
    if (first >= size)
        return RANGE_OUTSIDE;
    out->first = first;
    out->len = (last < size ? last + 1 : size) - first;
    return RANGE_PART;
}

enum range_kind range_parse(const char *header, uint64_t size, struct byte_range *out)
{
    static const char unit[] = "bytes=";
    char spec[RANGE_MAX + 1], *dash;
    uint64_t first, last = INT64_MAX;

    if (!header || strncasecmp(header, unit, strlen(unit)) != 0 || !str_copy(spec, sizeof(spec), header + strlen(unit)))
        return RANGE_WHOLE;
    dash = strchr(spec, '-');
    if (!dash)
        return RANGE_WHOLE;
    *dash++ = '\0';
    if (*dash && str_to_u64(dash, INT64_MAX, &last) < 0)
        return RANGE_WHOLE;
    if (spec[0] == '\0')
        return *dash ? last_bytes(last, size, out) : RANGE_WHOLE;
    return str_to_u64(spec, INT64_MAX, &first) == 0 ? from_to(first, last, size, out) : RANGE_WHOLE;
}
