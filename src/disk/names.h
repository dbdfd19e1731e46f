/* disk/names: what this program, libvirt and virtlogd call their files under state_dir. All else is unknown and never touched. */
#ifndef DISK_NAMES_H
#define DISK_NAMES_H

#include <stdbool.h>

#include "base/id.h"

#define NAME_DATABASE           "computed.db"
#define NAME_LOCK               "lock"
#define NAME_IMAGES             "images"
#define NAME_INSTANCES          "instances"
#define NAME_NETWORKS           "networks"
#define NAME_KEYPAIRS           "keypairs"
#define NAME_QUARANTINE         "quarantine" /* what the doctor has put aside */
#define NAME_JOURNAL            "doctor.log"
#define NAME_OVERLAY            "disk.qcow2"
#define NAME_OVERLAY_TMP        "disk.qcow2.tmp"
#define NAME_CONSOLE            "console.log"
#define NAME_SEED               "seed.iso"
#define NAME_SEED_TMP           "seed.iso.tmp"
#define NAME_VM_SIDECAR         "vm.json"
#define NAME_VM_SIDECAR_TMP     "vm.json.tmp"
#define NAME_SIDECAR_SUFFIX     "json"
#define NAME_SIDECAR_TMP_SUFFIX "json.tmp"
#define NAME_PART_SUFFIX        "part"
#define NAME_FETCH_SUFFIX       "fetch" /* as downloaded, before it is judged */

enum { CONSOLE_ROTATIONS = 10 }; /* virtlogd renames console.log to console.log.0, that to console.log.1, … */

enum folder { FOLDER_STATE, FOLDER_IMAGES, FOLDER_INSTANCES, FOLDER_INSTANCE, FOLDER_SIDECARS, FOLDER_COUNT };

/* The entry has a name that belongs in that folder and the type that goes with it (a symlink never does). */
bool name_is_known(enum folder in, int dir, const char *name);
/* A symlink in the place of such a file: what it leads to is somebody else's, the link itself takes our place. */
bool name_is_usurped(enum folder in, int dir, const char *name);

enum { IMAGE_NAME_SIZE = UUID_LEN + 8 };
typedef char image_name[IMAGE_NAME_SIZE]; /* <uuid>.<suffix> */
void name_of_image(const char *image_id, const char *suffix, image_name out);

#endif
