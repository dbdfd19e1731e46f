/* The probe: a very small guest that proves, by answering on its serial port, that guests really run on a given accelerator and
 * CPU. The port is a file that we make and hold open: so it is ours whoever writes to it (QEMU or virtlogd, confined or not).
 * What the guest does is probe_guest.S's. */
#define _GNU_SOURCE /* memmem */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libvirt/virterror.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "call.h"
#include "domain_cpu.h"
#include "libvirt.h"
#include "libvirt_error.h"

#include "base/clock.h"
#include "base/xml.h"
#include "virt/domain_xml.h"

enum {
    DISK_BYTES = 1024 * 1024, /* SeaBIOS boots from nothing smaller than a cylinder */
    DIR_MODE = 0711,          /* QEMU's user passes, whatever the umask */
    LOOK_MS = 250,            /* how often the domain's state is asked for */
};

extern const char virt_probe_guest[], virt_probe_guest_end[];

static const char answer[] = "computed-probe-ok";

static const char skeleton[] =
    "<domain>"
    "<memory unit='MiB'>32</memory><vcpu>1</vcpu>"
    "<os><type arch='x86_64'>hvm</type><boot dev='hd'/></os>"
    "<features><acpi/><apic/></features>"
    "<on_poweroff>destroy</on_poweroff><on_reboot>destroy</on_reboot><on_crash>destroy</on_crash>"
    "<devices>"
    "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source/><target dev='vda' bus='virtio'/></disk>"
    "<controller type='usb' model='none'/>"
    "<serial type='file'><source append='on'/><target port='0'/></serial>"
    "<memballoon model='none'/>"
    "</devices>"
    "</domain>";

struct probe {
    uuid_text id;
    char *dir, *disk, *log;
    int log_fd, inotify_fd;
    virConnectPtr connect;
    virDomainPtr domain;
};

static void remove_file(const char *path)
{
    if (path)
        (void)unlink(path);
}

/* On every path: first the guest, then its files. */
static void probe_done(struct probe *p)
{
    if (p->domain)
        (void)CALL(virDomainDestroy, p->domain);
    cleanup_domain(&p->domain);
    cleanup_connect(&p->connect);
    cleanup_close(&p->log_fd);
    cleanup_close(&p->inotify_fd);
    remove_file(p->disk);
    remove_file(p->log);
    if (p->dir)
        (void)rmdir(p->dir);
    free(p->disk);
    free(p->log);
    free(p->dir);
}

/* ---- files ---- */

static void cleanup_dir(DIR **d)
{
    if (*d)
        (void)closedir(*d);
}

static bool is_ours(const char *name)
{
    uuid_text id;

    return !str_copy(id, sizeof(id), name) && id_is_uuid(id) &&
           (str_equal(name + UUID_LEN, ".raw") || str_equal(name + UUID_LEN, ".log"));
}

/* What a life before this one left when it was killed. Its guest died with its connection. */
static void sweep(const char *dir)
{
    __attribute__((cleanup(cleanup_dir))) DIR *d = opendir(dir);
    struct dirent *entry;

    while (d && (entry = readdir(d)))
        if (is_ours(entry->d_name))
            (void)unlinkat(dirfd(d), entry->d_name, 0);
}

static int make_names(struct probe *p, const char *state_dir, struct err *e)
{
    id_uuid(p->id);
    p->dir = str_printf("%s/probe", state_dir);
    p->disk = str_printf("%s/probe/%s.raw", state_dir, p->id);
    p->log = str_printf("%s/probe/%s.log", state_dir, p->id);
    return p->dir && p->disk && p->log ? 0 : err_set(e, ERR_NO_MEMORY, "out of memory");
}

static int make_disk(const char *path, struct err *e)
{
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    size_t len = (size_t)(virt_probe_guest_end - virt_probe_guest);

    if (fd < 0 || write(fd, virt_probe_guest, len) != (ssize_t)len || ftruncate(fd, DISK_BYTES) < 0)
        return err_errno(e, errno, "cannot write the probe's disk");
    return 0;
}

static int make_files(struct probe *p, struct err *e)
{
    if ((mkdir(p->dir, DIR_MODE) < 0 && errno != EEXIST) || chmod(p->dir, DIR_MODE) < 0)
        return err_errno(e, errno, "cannot make the probe's directory");
    sweep(p->dir);
    if (make_disk(p->disk, e) < 0)
        return -1;
    p->log_fd = open(p->log, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    p->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (p->log_fd < 0 || p->inotify_fd < 0 || inotify_add_watch(p->inotify_fd, p->log, IN_MODIFY) < 0)
        return err_errno(e, errno, "cannot watch the probe's serial port");
    return 0;
}

/* ---- the domain ---- */

/* Not a <vm>: whoever lists our domains passes it by. */
static int add_tag(xmlNodePtr root, const char *id)
{
    xmlNodePtr metadata = xml_add(root, "metadata", NULL);
    xmlNodePtr tag = metadata ? xml_add(metadata, "probe", NULL) : NULL;
    xmlNsPtr ns = tag ? xmlNewNs(tag, (const xmlChar *)VIRT_METADATA_NS, (const xmlChar *)"computed") : NULL;

    if (!ns)
        return -1;
    xmlSetNs(tag, ns);
    return xml_attr_set(tag, "id", id);
}

static int fill(const struct probe *p, const struct virt_accel *accel, xmlNodePtr root)
{
    AUTO_FREE char *name = str_printf("computed-probe-%s", p->id);

    if (!name || !xml_add(root, "name", name) || !xml_add(root, "uuid", p->id) || add_tag(root, p->id) < 0)
        return -1;
    if (xml_attr_set(root, "type", virt_type_to_string(accel->type)) < 0 || domain_xml_fill_cpu(root, accel->cpu) < 0)
        return -1;
    return xml_attr_set(xml_find(root, "devices/disk/source"), "file", p->disk) < 0 ||
                   xml_attr_set(xml_find(root, "devices/serial/source"), "path", p->log) < 0
               ? -1
               : 0;
}

static int build(const struct probe *p, const struct virt_accel *accel, char **out, struct err *e)
{
    AUTO_XML doc = NULL;

    if (xml_parse(skeleton, strlen(skeleton), &doc, e) < 0)
        return -1;
    *out = fill(p, accel, xmlDocGetRootElement(doc)) == 0 ? xml_text(doc) : NULL;
    return *out ? 0 : err_set(e, ERR_NO_MEMORY, "out of memory");
}

/* AUTODESTROY: the guest dies with the connection, so with the daemon. */
static int start_guest(struct probe *p, const struct virt_accel *accel, struct err *e)
{
    AUTO_FREE char *xml = NULL;

    if (build(p, accel, &xml, e) < 0)
        return -1;
    p->domain = CALL(virDomainCreateXML, p->connect, xml, VIR_DOMAIN_START_AUTODESTROY);
    return p->domain ? 0 : libvirt_failed(e, "the hypervisor could not start the probe's guest");
}

/* ---- the answer ---- */

static bool has_answer(const struct probe *p)
{
    char text[4096];
    ssize_t len = pread(p->log_fd, text, sizeof(text), 0);

    return len > 0 && memmem(text, (size_t)len, answer, strlen(answer));
}

/* A guest that dies on the way is known before the deadline. */
static int check_runs(const struct probe *p, struct err *e)
{
    struct virt_state state;
    int rc = libvirt_domain_state(p->domain, &state, e);

    if (rc < 0 && e->code != ERR_DOMAIN_MISSING)
        return -1;
    if (rc == 0 && state.power == VIRT_RUNNING)
        return 0;
    (void)err_set(e, ERR_HYPERVISOR, "the probe's guest died before it answered");
    return err_detail(e, "the probe's guest was paused or stopped by the hypervisor");
}

static void wait_for_output(const struct probe *p, int64_t ms)
{
    struct pollfd fd = { .fd = p->inotify_fd, .events = POLLIN };
    char scrap[4096];

    if (poll(&fd, 1, (int)ms) > 0)
        (void)!read(p->inotify_fd, scrap, sizeof(scrap));
}

static int wait_for_answer(const struct probe *p, int64_t timeout_ms, struct err *e)
{
    int64_t until = clock_boot_ms() + timeout_ms;

    while (!has_answer(p)) {
        int64_t left = until - clock_boot_ms();
        if (left <= 0)
            return err_set(e, ERR_TIMEOUT, "the probe's guest did not answer in time");
        if (check_runs(p, e) < 0)
            return -1;
        wait_for_output(p, left < LOOK_MS ? left : LOOK_MS);
    }
    return 0;
}

int libvirt_probe(void *self, const struct virt_accel *accel, int64_t timeout_ms, struct err *e)
{
    struct libvirt *l = self;
    __attribute__((cleanup(probe_done))) struct probe p = { .log_fd = -1, .inotify_fd = -1 };

    if (connection_get(l->connection, &p.connect, e) < 0)
        return -1;
    if (libvirt_is_test(l))
        return 0;
    if (!l->config->state_dir)
        return err_set(e, ERR_CONFIG, "the probe needs a state directory");
    if (make_names(&p, l->config->state_dir, e) < 0 || make_files(&p, e) < 0 || start_guest(&p, accel, e) < 0)
        return -1;
    return wait_for_answer(&p, timeout_ms, e);
}
