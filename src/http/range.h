/* Private to http: the Range header. One range is served; several at once, and what is malformed, get the whole. */
#ifndef HTTP_RANGE_H
#define HTTP_RANGE_H

#include <stdint.h>

struct byte_range {
    uint64_t first, len;
};
enum range_kind {
    RANGE_WHOLE,  /* nothing is asked for that we understand */
    RANGE_PART,   /* *out: within the file, not empty */
    RANGE_OUTSIDE /* behind its end */
};
/* header: "bytes=0-99", "bytes=100-", "bytes=-100", or NULL. */
enum range_kind range_parse(const char *header, uint64_t size, struct byte_range *out);

#endif
