/* raw_libvirt URI TEMPLATE_DIR CPU - the floor that the daemon is measured against: the same work by libvirt's own calls, on one
 * connection, without a database, a job or HTTP. Reads one command a line from stdin, answers each with its times in nanoseconds
 * on stdout: list                     "<domains> <list> <infos>": virConnectListAllDomains, then virDomainGetInfo one after the
 * other info ID                  "<both>": look up by UUID, virDomainGetInfo define ID DISK CONSOLE   "<define>": with the XML
 * that the daemon makes from the same template; making it is not counted start                    "<create>": what was defined
 * last drop                     "<both>": destroys it when it runs, and undefines it Any failure ends the program. */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "virt/domain_xml.h"

enum { VCPUS = 1, MEMORY_MIB = 1024 }; /* the flavor "small", which the daemon's guests have in the same run */

struct bench {
    virConnectPtr conn;
    virDomainPtr current; /* of define, for start and drop */
    const char *template_dir;
    const char *cpu;
};

static _Noreturn void die(const char *what)
{
    virErrorPtr err = virGetLastError();

    (void)fprintf(stderr, "raw_libvirt: %s: %s\n", what, err ? err->message : "failed");
    exit(EXIT_FAILURE);
}

static void check(int rc, const char *what)
{
    if (rc < 0)
        die(what);
}

static long long now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void on_list(struct bench *b, char *args)
{
    virDomainPtr *domains = NULL;
    virDomainInfo info;

    (void)args;
    long long began = now_ns();
    int count = virConnectListAllDomains(b->conn, &domains, 0);
    check(count, "virConnectListAllDomains");
    long long listed = now_ns();
    for (int i = 0; i < count; i++)
        check(virDomainGetInfo(domains[i], &info), "virDomainGetInfo");
    (void)printf("%d %lld %lld\n", count, listed - began, now_ns() - listed);
    for (int i = 0; i < count; i++)
        (void)virDomainFree(domains[i]);
    free(domains);
}

static void on_info(struct bench *b, char *args)
{
    virDomainInfo info;
    long long began = now_ns();
    virDomainPtr domain = virDomainLookupByUUIDString(b->conn, args);

    if (!domain || virDomainGetInfo(domain, &info) < 0)
        die("info");
    (void)printf("%lld\n", now_ns() - began);
    (void)virDomainFree(domain);
}

static char *make_xml(const struct bench *b, char *args)
{
    struct err e = ERR_INIT;
    struct domain_xml_host host = { .template_dir = b->template_dir, .domain_type = "qemu" };
    char *rest = NULL;
    char *xml = NULL;
    struct virt_domain d = {
        .id = strtok_r(args, " ", &rest),
        .disk_path = strtok_r(NULL, " ", &rest),
        .console_path = strtok_r(NULL, " ", &rest),
        .name = "raw",
        .project = "bench",
        .job = "bench",
        .vcpus = VCPUS,
        .memory_mib = MEMORY_MIB,
        .accel = { .type = VIRT_TYPE_QEMU },
    };

    if (!d.console_path)
        die("define ID DISK CONSOLE");
    (void)snprintf(d.accel.cpu, sizeof(d.accel.cpu), "%s", b->cpu);
    check(domain_xml_build(&host, &d, &xml, &e), e.msg);
    return xml;
}

static void on_define(struct bench *b, char *args)
{
    AUTO_FREE char *xml = make_xml(b, args);
    long long began = now_ns();

    b->current = virDomainDefineXML(b->conn, xml);
    if (!b->current)
        die("virDomainDefineXML");
    (void)printf("%lld\n", now_ns() - began);
}

static void on_start(struct bench *b, char *args)
{
    long long began = now_ns();

    (void)args;
    check(virDomainCreate(b->current), "virDomainCreate");
    (void)printf("%lld\n", now_ns() - began);
}

static void on_drop(struct bench *b, char *args)
{
    int is_active = virDomainIsActive(b->current);
    long long began = now_ns();

    (void)args;
    if (is_active > 0)
        check(virDomainDestroy(b->current), "virDomainDestroy");
    check(virDomainUndefine(b->current), "virDomainUndefine");
    (void)printf("%lld\n", now_ns() - began);
    (void)virDomainFree(TAKE(b->current));
}

static const struct command {
    const char *name;
    void (*run)(struct bench *b, char *args);
} commands[] = {
    { "list", on_list }, { "info", on_info }, { "define", on_define }, { "start", on_start }, { "drop", on_drop },
};

static void run(struct bench *b, char *line)
{
    line[strcspn(line, "\n")] = '\0';
    char *args = line + strcspn(line, " ");
    if (*args)
        *args++ = '\0';
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, line) == 0) {
            commands[i].run(b, args);
            return;
        }
    die(line);
}

int main(int argc, char **argv)
{
    AUTO_FREE char *line = NULL;
    size_t size = 0;

    if (argc != 4) {
        (void)fprintf(stderr, "usage: raw_libvirt URI TEMPLATE_DIR CPU\n");
        return 2;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    struct bench b = { .conn = virConnectOpen(argv[1]), .template_dir = argv[2], .cpu = argv[3] };
    if (!b.conn)
        die("virConnectOpen");
    while (getline(&line, &size, stdin) > 0)
        run(&b, line);
    (void)virConnectClose(b.conn);
    return 0;
}
