/* disk/transfer: an image's bytes from elsewhere: a URL, or a VM's disk. The work on bytes that nobody has vouched for (network,
 * decompression, foreign formats) is done by children with limits on memory, CPU time, file size and descriptors, without
 * privileges, which end with the daemon. Slow: for job workers. */
#ifndef DISK_TRANSFER_H
#define DISK_TRANSFER_H

#include "base/ipv4.h"
#include "disk/disk.h"

struct transfer_progress {
    uint64_t bytes;       /* received */
    uint64_t total_bytes; /* 0: not told */
    uint64_t rate_bytes_s;
};
struct transfer_watch {
    void (*progress)(void *arg, const struct transfer_progress *p); /* about once a second; may be NULL */
    bool (*is_cancelled)(void *arg);                                /* asked at least once a second; may be NULL */
    void *arg;
};
struct transfer_limits {
    uint64_t size_bytes;        /* of the download, and of what comes out of it; more is refused */
    uint64_t rate_bytes_s;      /* 0: as fast as it goes */
    int64_t timeout_ms;         /* of the whole transfer */
    uint32_t expansion;         /* how many times larger than its archive an image may be */
    const struct cidr *allowed; /* addresses that are let through although they are no global ones */
    size_t allowed_count;
};
struct transfer_terms {
    struct transfer_limits limits;
    struct transfer_watch watch;
};
struct transfer_source {
    const char *image_id; /* whose bytes they become */
    const char *url;      /* http or https */
    const char *sha256;   /* of the bytes as downloaded; NULL: not checked */
};
enum { TRANSFER_URL_MAX = 2000 };
/* URL: http or https, a host, no user or password. ERR_INVALID_FIELD "url". */
int transfer_check_url(const char *url, struct err *e);
/* Downloads to images/<id>.part: .gz, .xz and .zst are unpacked on the way, VMDK, VDI, VHD and VHDX become qcow2 after our own
 * inspection. *format says what the bytes are then; disk_image_seal goes on from there. Fine to repeat: begins anew. ERR_DOWNLOAD
 * (refused address, HTTP status, too large, too slow, wrong sha256, cut off), ERR_IMAGE_REFUSED, ERR_DISK_FULL, ERR_CANCELLED,
 * ERR_TIMEOUT. Leaves no .part when it fails. */
int transfer_download(struct disk *d, const struct transfer_source *from, const struct transfer_terms *terms,
                      enum disk_format *format, struct err *e);
/* Makes images/<id>.part, a qcow2 without backing file, of a VM's overlay and its image. The overlay's header must be the one
 * that we wrote (ERR_IMAGE_REFUSED): what it names is not believed. */
struct transfer_overlay {
    const char *image_id; /* whose bytes they become */
    const char *vm_id;
    const char *base_id;
    enum disk_format base_format;
};
int transfer_flatten(struct disk *d, const struct transfer_overlay *from, const struct transfer_terms *terms, struct err *e);
/* The child's main: `computed --fetch`, only ever started by the functions above, which hand it its orders by descriptor 3: a
 * download, or qemu-img with its arguments. Does not return. */
int transfer_child_main(void);

#endif
