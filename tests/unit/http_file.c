/* Files as answers: whole and in ranges, with and without a body, to clients that stay and that leave; descriptors are not lost.
 */
#include <dirent.h>

#include "../../src/http/range.h"
#include "../../src/http/server.h"
#include "http_lab.h"

enum { LARGE = 3 * 1024 * 1024 + 17, SHORT_GRACE_MS = 100 };
static char large[LARGE];
static char path[] = "/tmp/http-file-XXXXXX";
static const off_t huge_size = (off_t)1 << 30;
static _Atomic int last_fd;

static int open_file(void)
{
    last_fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(last_fd, 0);
    lab_handled++;
    return last_fd;
}

static int send_large(struct request *r, struct err *err)
{
    return request_reply_file(r, 200, "application/octet-stream", open_file(), LARGE, err);
}

static int send_ten(struct request *r, struct err *err)
{
    return request_reply_file(r, 200, "application/octet-stream", open_file(), 10, err);
}

static int send_nothing(struct request *r, struct err *err)
{
    return request_reply_file(r, 200, "text/plain", open_file(), 0, err);
}

static int send_huge(struct request *r, struct err *err)
{
    ck_assert_int_eq(truncate(path, huge_size), 0); /* a hole behind the bytes */
    return request_reply_file(r, 200, "application/octet-stream", open_file(), (uint64_t)huge_size, err);
}

static int send_with_status(struct request *r, struct err *err)
{
    return request_reply_file(r, 203, "text/plain", open_file(), 10, err);
}

static int send_twice(struct request *r, struct err *err)
{
    struct err second = ERR_INIT;

    if (send_ten(r, err) < 0)
        return -1;
    ck_assert_int_eq(send_large(r, &second), -1);
    ck_assert_int_eq(fcntl(last_fd, F_GETFD), -1);
    return 0;
}

static const struct route routes[] = {
    { "GET", "/large", "thing:read", .handle = send_large },        { "GET", "/ten", "thing:read", .handle = send_ten },
    { "GET", "/nothing", "thing:read", .handle = send_nothing },    { "GET", "/huge", "thing:read", .handle = send_huge },
    { "GET", "/status", "thing:read", .handle = send_with_status }, { "GET", "/twice", "thing:read", .handle = send_twice },
};
static const struct door door = { "", routes, sizeof(routes) / sizeof(routes[0]), lab_error, NULL, NULL };

static void start(void)
{
    for (size_t i = 0; i < LARGE; i++)
        large[i] = (char)(i < 26 ? 'a' + i : i * 2654435761U >> 13);
    unit_temp_file(path, large, LARGE);
    lab_start(&door);
}

static void stop(void)
{
    lab_stop();
    ck_assert_int_eq(unlink(path), 0);
}

static int count_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int count = 0;

    ck_assert_ptr_nonnull(d);
    while (readdir(d))
        count++;
    (void)closedir(d);
    return count;
}

START_TEST(ranges)
{
    static const struct {
        const char *header;
        uint64_t size;
        enum range_kind kind;
        struct byte_range range;
    } cases[] = {
        { NULL, 10, RANGE_WHOLE, { 0 } },
        { "", 10, RANGE_WHOLE, { 0 } },
        { "bytes=", 10, RANGE_WHOLE, { 0 } },
        { "bytes=-", 10, RANGE_WHOLE, { 0 } },
        { "bytes=3", 10, RANGE_WHOLE, { 0 } },
        { "bytes=5-4", 10, RANGE_WHOLE, { 0 } },
        { "bytes=15-14", 10, RANGE_WHOLE, { 0 } },
        { "bytes=0-1,3-4", 10, RANGE_WHOLE, { 0 } },
        { "bytes=0 -1", 10, RANGE_WHOLE, { 0 } },
        { "bytes=--1", 10, RANGE_WHOLE, { 0 } },
        { "bytes=0-0x5", 10, RANGE_WHOLE, { 0 } },
        { "bytes=+1-2", 10, RANGE_WHOLE, { 0 } },
        { "items=0-1", 10, RANGE_WHOLE, { 0 } },
        { "bytes=0-99999999999999999999", 10, RANGE_WHOLE, { 0 } },
        { "bytes=0000000000000000000000000000000000000000000000000000000000-1", 10, RANGE_WHOLE, { 0 } },
        { "bytes=0-0", 10, RANGE_PART, { 0, 1 } },
        { "BYTES=0-9", 10, RANGE_PART, { 0, 10 } },
        { "bytes=0-10", 10, RANGE_PART, { 0, 10 } },
        { "bytes=9-", 10, RANGE_PART, { 9, 1 } },
        { "bytes=0-", 10, RANGE_PART, { 0, 10 } },
        { "bytes=-3", 10, RANGE_PART, { 7, 3 } },
        { "bytes=-11", 10, RANGE_PART, { 0, 10 } },
        { "bytes=5-9223372036854775807", 10, RANGE_PART, { 5, 5 } },
        { "bytes=10-", 10, RANGE_OUTSIDE, { 0 } },
        { "bytes=9223372036854775807-", 10, RANGE_OUTSIDE, { 0 } },
        { "bytes=-0", 10, RANGE_OUTSIDE, { 0 } },
        { "bytes=0-", 0, RANGE_OUTSIDE, { 0 } },
        { "bytes=-5", 0, RANGE_WHOLE, { 0 } },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct byte_range range = { 77, 77 };
        enum range_kind kind = range_parse(cases[i].header, cases[i].size, &range);

        ck_assert_msg(kind == cases[i].kind, "'%s' of %lu: %d", cases[i].header, (unsigned long)cases[i].size, (int)kind);
        if (kind == RANGE_PART)
            ck_assert_msg(range.first == cases[i].range.first && range.len == cases[i].range.len, "'%s'", cases[i].header);
        else
            ck_assert_msg(range.first == 77 && range.len == 77, "'%s' writes", cases[i].header);
    }
}
END_TEST

START_TEST(whole_files)
{
    start();
    int fd = lab_connect(), before = 0;
    for (int i = 0; i < 3; i++) {
        LAB_ANSWER a = lab_ask(fd, GET("/large", "Accept: application/octet-stream\r\n"));
        ck_assert_int_eq(a.status, 200);
        ck_assert(lab_header_is(&a, "Content-Type", "application/octet-stream"));
        ck_assert(lab_header_is(&a, "Accept-Ranges", "bytes"));
        ck_assert(lab_header_is(&a, "X-Content-Type-Options", "nosniff"));
        ck_assert_uint_eq(a.body.len, LARGE);
        ck_assert_mem_eq(a.body.data, large, LARGE);
        ck_assert_uint_eq(lab_wait_record(i).bytes, LARGE);
        before = i == 0 ? count_descriptors() : before;
        ck_assert_int_eq(count_descriptors(), before);
    }
    LAB_ANSWER nothing = lab_ask(fd, GET("/nothing"));
    ck_assert_int_eq(nothing.status, 200);
    ck_assert(lab_header_is(&nothing, "Content-Length", "0"));
    LAB_ANSWER next = lab_ask(fd, GET("/ten"));
    ck_assert_str_eq(next.body.data, "abcdefghij");
    (void)close(fd);
    stop();
}
END_TEST

START_TEST(heads)
{
    start();
    int fd = lab_connect();
    LAB_ANSWER head = { 0 };
    lab_send(fd, "HEAD /large HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-4\r\n\r\n");
    lab_read_head(fd, &head);
    ck_assert_int_eq(head.status, 200);
    ck_assert_uint_eq(strtoul(lab_header(&head, "Content-Length"), NULL, 10), LARGE);
    ck_assert_uint_eq(lab_wait_record(0).bytes, 0);
    LAB_ANSWER next = lab_ask(fd, GET("/ten"));
    ck_assert_str_eq(next.body.data, "abcdefghij");
    (void)close(fd);
    stop();
}
END_TEST

START_TEST(parts)
{
    start();
    int fd = lab_connect();
    LAB_ANSWER part = lab_ask(fd, GET("/ten", "Range: bytes=2-4\r\n"));
    ck_assert_int_eq(part.status, 206);
    ck_assert(lab_header_is(&part, "Content-Range", "bytes 2-4/10"));
    ck_assert(lab_header_is(&part, "Content-Type", "application/octet-stream"));
    ck_assert_str_eq(part.body.data, "cde");
    ck_assert_uint_eq(lab_wait_record(0).bytes, 3);
    LAB_ANSWER end = lab_ask(fd, GET("/ten", "Range: bytes=-1\r\n"));
    ck_assert_str_eq(end.body.data, "j");
    LAB_ANSWER outside = lab_ask(fd, GET("/ten", "Range: bytes=10-\r\n"));
    ck_assert_int_eq(outside.status, 416);
    ck_assert(lab_header_is(&outside, "Content-Range", "bytes */10"));
    ck_assert_uint_eq(outside.body.len, 0);
    LAB_ANSWER several = lab_ask(fd, GET("/ten", "Range: bytes=0-1,3-4\r\n"));
    ck_assert_int_eq(several.status, 200);
    ck_assert_ptr_null(lab_header(&several, "Content-Range"));
    LAB_ANSWER other = lab_ask(fd, GET("/ten", "Range: bytes=0-1\r\nIf-Range: \"v1\"\r\n"));
    ck_assert_int_eq(other.status, 200);
    LAB_ANSWER kept = lab_ask(fd, GET("/status", "Range: bytes=0-1\r\n"));
    ck_assert_int_eq(kept.status, 203);
    ck_assert_str_eq(kept.body.data, "abcdefghij");
    LAB_ANSWER far = lab_ask(fd, GET("/huge", "Range: bytes=3145740-3145799\r\n"));
    ck_assert_int_eq(far.status, 206);
    ck_assert_uint_eq(far.body.len, 60);
    ck_assert_mem_eq(far.body.data, large + 3145740, 5); /* over the end of the bytes into the hole */
    ck_assert_int_eq(far.body.data[5], 0);
    (void)close(fd);
    stop();
}
END_TEST

START_TEST(descriptors_end_with_a_refused_answer)
{
    start();
    LAB_ANSWER a = lab_ask_once(GET("/twice"));
    ck_assert_int_eq(a.status, 200);
    ck_assert_str_eq(a.body.data, "abcdefghij");
    ck_assert_int_eq(lab_handled, 2);
    stop();
}
END_TEST

/* Reads the start of what would be a long answer. */
static int begin_huge(void)
{
    int fd = lab_connect();
    LAB_ANSWER a = { 0 };

    lab_send(fd, GET("/huge"));
    lab_read_head(fd, &a);
    ck_assert_int_eq(a.status, 200);
    lab_read_body(fd, &a, 100000);
    ck_assert_mem_eq(a.body.data, large, 100000);
    return fd;
}

START_TEST(clients_that_leave)
{
    start();
    int fd = begin_huge();
    (void)close(fd);
    ck_assert_int_eq(lab_wait_record(0).status, 0);
    LAB_ANSWER next = lab_ask_once(GET("/ten"));
    ck_assert_int_eq(next.status, 200);
    stop();
}
END_TEST

/* Whoever reads slowly does not hold up the end. */
START_TEST(the_end_cuts_off_long_answers)
{
    start();
    int fd = begin_huge();
    lab_http->grace_ms = SHORT_GRACE_MS;
    stop();
    (void)close(fd);
}
END_TEST

UNIT_MAIN("http_file", ranges, whole_files, heads, parts, descriptors_end_with_a_refused_answer, clients_that_leave,
          the_end_cuts_off_long_answers)
