/* store/schema: the migrations: append-only, a shipped one is never edited, reordered or removed. How they run is migrate.c's.
 * Times are milliseconds since 1970. Words of states are CHECKed: a new word is a new migration. */
#include "migrate.h"
#include "statement.h"

#include "base/clock.h"
#include "base/id.h"

/* Jobs, answers, events and audit lines are history: they name projects and resources without keeping them alive. */
static const char first_schema[] =
    "CREATE TABLE setting ("
    "  key TEXT PRIMARY KEY,"
    "  value TEXT NOT NULL"
    ") STRICT;"

    "CREATE TABLE project ("
    "  id TEXT PRIMARY KEY CHECK (length(id) = 32),"
    "  name TEXT NOT NULL UNIQUE,"
    "  created_at_ms INTEGER NOT NULL"
    ") STRICT;"

    "CREATE TABLE flavor ("
    "  id TEXT PRIMARY KEY CHECK (length(id) = 36),"
    "  name TEXT NOT NULL UNIQUE,"
    "  vcpus INTEGER NOT NULL CHECK (vcpus > 0),"
    "  memory_mib INTEGER NOT NULL CHECK (memory_mib > 0),"
    "  disk_gib INTEGER NOT NULL CHECK (disk_gib > 0),"
    "  description TEXT NOT NULL,"
    "  created_at_ms INTEGER NOT NULL"
    ") STRICT;"

    "CREATE TABLE image ("
    "  id TEXT PRIMARY KEY CHECK (length(id) = 36),"
    "  name TEXT NOT NULL,"
    "  project TEXT NOT NULL REFERENCES project (id),"
    "  is_public INTEGER NOT NULL CHECK (is_public IN (0, 1)),"
    "  disk_format TEXT NOT NULL CHECK (disk_format IN ('qcow2', 'raw')),"
    "  status TEXT NOT NULL CHECK (status IN ('queued', 'saving', 'active', 'error', 'deleting')),"
    "  status_reason TEXT,"
    "  size_bytes INTEGER NOT NULL,"
    "  virtual_size_bytes INTEGER NOT NULL,"
    "  sha256 TEXT CHECK (length(sha256) = 64),"
    "  job TEXT,"
    "  created_at_ms INTEGER NOT NULL,"
    "  updated_at_ms INTEGER NOT NULL,"
    "  CHECK (status <> 'active' OR sha256 IS NOT NULL)"
    ") STRICT;"
    "CREATE UNIQUE INDEX image_project_name ON image (project, name);"
    "CREATE INDEX image_name ON image (name);"
    "CREATE INDEX image_created ON image (created_at_ms, id);"

    "CREATE TABLE vm ("
    "  id TEXT PRIMARY KEY CHECK (length(id) = 36),"
    "  name TEXT NOT NULL,"
    "  project TEXT NOT NULL REFERENCES project (id),"
    "  status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'stopping', 'stopped', 'starting', 'rebooting', 'paused',"
    "    'suspended', 'deleting', 'error')),"
    "  status_reason TEXT,"
    "  task TEXT CHECK (task IN ('vm.create', 'vm.delete', 'vm.start', 'vm.stop', 'vm.reboot', 'vm.pause', 'vm.resume')),"
    "  job TEXT,"
    "  flavor TEXT,"
    "  vcpus INTEGER NOT NULL CHECK (vcpus > 0),"
    "  memory_mib INTEGER NOT NULL CHECK (memory_mib > 0),"
    "  disk_gib INTEGER NOT NULL CHECK (disk_gib > 0),"
    "  image TEXT NOT NULL REFERENCES image (id),"
    "  image_name TEXT NOT NULL,"
    "  metadata TEXT NOT NULL,"
    "  tags TEXT NOT NULL,"
    "  autostart INTEGER NOT NULL CHECK (autostart IN (0, 1)),"
    "  is_name_unique INTEGER NOT NULL CHECK (is_name_unique IN (0, 1)),"
    "  fault_code TEXT,"
    "  fault_message TEXT,"
    "  fault_detail TEXT,"
    "  observed_at_ms INTEGER NOT NULL,"
    "  created_at_ms INTEGER NOT NULL,"
    "  updated_at_ms INTEGER NOT NULL,"
    "  row_version INTEGER NOT NULL,"
    "  CHECK ((task IS NULL) = (job IS NULL)),"
    "  CHECK (status <> 'error' OR fault_code IS NOT NULL)"
    ") STRICT;"
    "CREATE UNIQUE INDEX vm_unique_name ON vm (project, name) WHERE is_name_unique = 1;"
    /* The name first: it serves those who see one project and those who see all. */
    "CREATE INDEX vm_name ON vm (name, project);"
    "CREATE INDEX vm_created ON vm (created_at_ms, id);"
    "CREATE INDEX vm_image ON vm (image);"

    "CREATE TABLE job ("
    "  id TEXT PRIMARY KEY CHECK (length(id) = 36),"
    "  kind TEXT NOT NULL,"
    "  actor_user TEXT,"
    "  project TEXT NOT NULL,"
    "  actor_is_admin INTEGER NOT NULL CHECK (actor_is_admin IN (0, 1)),"
    "  request_id TEXT,"
    "  address TEXT,"
    "  target TEXT,"
    "  status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'succeeded', 'failed')),"
    "  direction TEXT NOT NULL CHECK (direction IN ('forward', 'backward')),"
    "  step INTEGER NOT NULL,"
    "  progress INTEGER NOT NULL CHECK (progress BETWEEN 0 AND 100),"
    "  attempts INTEGER NOT NULL,"
    "  params TEXT NOT NULL,"
    "  is_cancel_requested INTEGER NOT NULL CHECK (is_cancel_requested IN (0, 1)),"
    "  after_job TEXT,"
    "  timeout_ms INTEGER NOT NULL,"
    "  deadline_boot_ms INTEGER NOT NULL,"
    "  deadline_boot_id TEXT,"
    "  not_before_ms INTEGER NOT NULL,"
    "  error_code TEXT,"
    "  error_message TEXT,"
    "  error_detail TEXT,"
    "  created_at_ms INTEGER NOT NULL,"
    "  started_at_ms INTEGER NOT NULL,"
    "  updated_at_ms INTEGER NOT NULL,"
    "  ended_at_ms INTEGER NOT NULL,"
    "  CHECK ((ended_at_ms > 0) = (status IN ('succeeded', 'failed')))"
    ") STRICT;"
    "CREATE INDEX job_created ON job (created_at_ms, id);"
    "CREATE INDEX job_target ON job (target, created_at_ms, id);"
    /* Small, whatever history holds: what workers look at. */
    "CREATE INDEX job_pending ON job (created_at_ms, id) WHERE status = 'pending';"
    "CREATE INDEX job_running ON job (created_at_ms, id) WHERE status = 'running';"
    "CREATE INDEX job_ended ON job (ended_at_ms) WHERE ended_at_ms > 0;"

    "CREATE TABLE idempotency ("
    "  project TEXT NOT NULL,"
    "  key TEXT NOT NULL,"
    "  request TEXT NOT NULL,"
    "  body_sha256 TEXT NOT NULL,"
    "  status INTEGER NOT NULL,"
    "  answer TEXT,"
    "  location TEXT,"
    "  created_at_ms INTEGER NOT NULL,"
    "  PRIMARY KEY (project, key)"
    ") STRICT;"
    "CREATE INDEX idempotency_created ON idempotency (created_at_ms);"

    /* AUTOINCREMENT: a number is never given twice, also when the newest events were pruned. */
    "CREATE TABLE event ("
    "  seq INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  at_ms INTEGER NOT NULL,"
    "  type TEXT NOT NULL,"
    "  project TEXT NOT NULL,"
    "  resource TEXT NOT NULL,"
    "  resource_created_at_ms INTEGER NOT NULL,"
    "  payload TEXT NOT NULL"
    ") STRICT;"
    /* For markers of lists that name what is gone. */
    "CREATE INDEX event_vm_deleted ON event (resource) WHERE type = 'vm.deleted';"
    "CREATE INDEX event_image_deleted ON event (resource) WHERE type = 'image.deleted';"

    "CREATE TABLE audit ("
    "  seq INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  at_ms INTEGER NOT NULL,"
    "  user TEXT NOT NULL,"
    "  project TEXT NOT NULL,"
    "  action TEXT NOT NULL,"
    "  resource_type TEXT NOT NULL,"
    "  resource TEXT NOT NULL,"
    "  request_id TEXT,"
    "  address TEXT,"
    "  outcome TEXT NOT NULL"
    ") STRICT;";

static const struct {
    const char *name;
    int vcpus, memory_mib, disk_gib;
    const char *description;
} first_flavors[] = {
    { "small", 1, 1024, 10, "Suitable for development and testing" },
    { "medium", 2, 4096, 40, "Suitable for web applications" },
    { "large", 4, 8192, 80, "Suitable for databases" },
    { "xlarge", 8, 16384, 160, "Suitable for big data and analytics" },
};

static int run_once(sqlite3 *db, const char *sql, const struct value *values, int count, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);

    if (rc == SQLITE_OK) {
        stmt_bind(st, values, count);
        rc = sqlite3_step(st);
    }
    (void)sqlite3_finalize(st);
    return rc == SQLITE_DONE ? 0 : stmt_failed(db, rc, e);
}

static int add_default_project(sqlite3 *db, struct err *e)
{
    hex32_text id;

    id_hex32(id);
    return run_once(db, "INSERT INTO project (id, name, created_at_ms) VALUES (?1, 'default', ?2)",
                    (const struct value[]){ value_text(id), value_int(clock_wall_ms()) }, 2, e);
}

static int add_first_rows(sqlite3 *db, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(first_flavors); i++) {
        uuid_text id;

        id_uuid(id);
        if (run_once(db,
                     "INSERT INTO flavor (id, name, vcpus, memory_mib, disk_gib, description, created_at_ms)"
                     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                     (const struct value[]){ value_text(id), value_text(first_flavors[i].name), value_int(first_flavors[i].vcpus),
                                             value_int(first_flavors[i].memory_mib), value_int(first_flavors[i].disk_gib),
                                             value_text(first_flavors[i].description), value_int(clock_wall_ms()) },
                     7, e) < 0)
            return -1;
    }
    return add_default_project(db, e);
}

/* The table of VMs is built anew because its words change; to spare the next ones that, the words of what is planned are in it
 * already. Nothing refers to vm yet, so that its old table can go while foreign keys are on. A VM of the first version has
 * no host name; it gets one of its id, long enough to be its own. */
static const char second_schema[] =
    "CREATE TABLE vm_2 ("
    "  id TEXT PRIMARY KEY CHECK (length(id) = 36),"
    "  name TEXT NOT NULL,"
    "  hostname TEXT NOT NULL CHECK (length(hostname) BETWEEN 1 AND 63),"
    "  project TEXT NOT NULL REFERENCES project (id),"
    "  status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'stopping', 'stopped', 'starting', 'rebooting', 'paused',"
    "    'suspended', 'deleting', 'error', 'resizing', 'resized', 'rebuilding', 'rescued')),"
    "  status_reason TEXT,"
    "  task TEXT CHECK (task GLOB 'vm.*'),"
    "  job TEXT,"
    "  flavor TEXT,"
    "  vcpus INTEGER NOT NULL CHECK (vcpus > 0),"
    "  memory_mib INTEGER NOT NULL CHECK (memory_mib > 0),"
    "  disk_gib INTEGER NOT NULL CHECK (disk_gib > 0),"
    "  image TEXT NOT NULL REFERENCES image (id),"
    "  image_name TEXT NOT NULL,"
    "  metadata TEXT NOT NULL,"
    "  tags TEXT NOT NULL,"
    "  keypair TEXT,"
    "  autostart INTEGER NOT NULL CHECK (autostart IN (0, 1)),"
    "  is_locked INTEGER NOT NULL CHECK (is_locked IN (0, 1)),"
    "  is_name_unique INTEGER NOT NULL CHECK (is_name_unique IN (0, 1)),"
    "  expires_at_ms INTEGER NOT NULL,"
    "  ready_at_ms INTEGER NOT NULL,"
    "  fault_code TEXT,"
    "  fault_message TEXT,"
    "  fault_detail TEXT,"
    "  observed_at_ms INTEGER NOT NULL,"
    "  created_at_ms INTEGER NOT NULL,"
    "  updated_at_ms INTEGER NOT NULL,"
    "  row_version INTEGER NOT NULL,"
    "  CHECK ((task IS NULL) = (job IS NULL)),"
    "  CHECK (status <> 'error' OR fault_code IS NOT NULL)"
    ") STRICT;"
    "INSERT INTO vm_2 SELECT id, name, 'vm-' || substr(id, 1, 13), project, status, status_reason, task, job, flavor, vcpus,"
    "  memory_mib, disk_gib, image, image_name, metadata, tags, NULL, autostart, 0, is_name_unique, 0, 0, fault_code,"
    "  fault_message, fault_detail, observed_at_ms, created_at_ms, updated_at_ms, row_version FROM vm;"
    "DROP TABLE vm;"
    "ALTER TABLE vm_2 RENAME TO vm;"
    "CREATE UNIQUE INDEX vm_unique_name ON vm (project, name) WHERE is_name_unique = 1;"
    "CREATE UNIQUE INDEX vm_hostname ON vm (project, hostname);"
    "CREATE INDEX vm_name ON vm (name, project);"
    "CREATE INDEX vm_created ON vm (created_at_ms, id);"
    "CREATE INDEX vm_image ON vm (image);"
    "CREATE INDEX vm_expires ON vm (expires_at_ms) WHERE expires_at_ms > 0;"
    /* All that a sum of promises reads. */
    "CREATE INDEX vm_sizes ON vm (vcpus, memory_mib, disk_gib);"

    "ALTER TABLE image ADD COLUMN min_disk_gib INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE image ADD COLUMN min_memory_mib INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE image ADD COLUMN properties TEXT NOT NULL DEFAULT '{}';"
    "ALTER TABLE job ADD COLUMN details TEXT NOT NULL DEFAULT '{}';"

    "CREATE TABLE keypair ("
    "  id TEXT PRIMARY KEY CHECK (length(id) = 36),"
    "  name TEXT NOT NULL,"
    "  project TEXT NOT NULL REFERENCES project (id),"
    "  type TEXT NOT NULL,"
    "  public_key TEXT NOT NULL,"
    "  fingerprint_sha256 TEXT NOT NULL,"
    "  fingerprint_md5 TEXT NOT NULL,"
    "  created_at_ms INTEGER NOT NULL"
    ") STRICT;"
    /* The name first: it serves those who see one project and those who see all. */
    "CREATE UNIQUE INDEX keypair_name ON keypair (name, project);"
    "CREATE INDEX keypair_created ON keypair (created_at_ms, id);"

    /* next_ipv4: every address below it that guests may have has been given out at some time (port.c). */
    "CREATE TABLE network ("
    "  id TEXT PRIMARY KEY CHECK (length(id) = 36),"
    "  name TEXT NOT NULL,"
    "  project TEXT NOT NULL REFERENCES project (id),"
    "  kind TEXT NOT NULL CHECK (kind IN ('nat', 'isolated', 'user')),"
    "  cidr TEXT UNIQUE,"
    "  bridge TEXT UNIQUE,"
    "  is_default INTEGER NOT NULL CHECK (is_default IN (0, 1)),"
    "  status TEXT NOT NULL CHECK (status IN ('pending', 'active', 'error', 'deleting')),"
    "  status_reason TEXT,"
    "  job TEXT,"
    "  next_ipv4 INTEGER NOT NULL DEFAULT 0,"
    "  created_at_ms INTEGER NOT NULL,"
    "  updated_at_ms INTEGER NOT NULL,"
    "  CHECK ((cidr IS NULL) = (kind = 'user') AND (bridge IS NULL) = (kind = 'user'))"
    ") STRICT;"
    "CREATE UNIQUE INDEX network_name ON network (name, project);"
    "CREATE UNIQUE INDEX network_default ON network (project) WHERE is_default = 1;"
    "CREATE INDEX network_created ON network (created_at_ms, id);"

    "CREATE TABLE port ("
    "  id TEXT PRIMARY KEY CHECK (length(id) = 36),"
    "  vm TEXT NOT NULL REFERENCES vm (id) ON DELETE CASCADE,"
    "  network TEXT NOT NULL REFERENCES network (id),"
    "  ordinal INTEGER NOT NULL,"
    "  mac TEXT NOT NULL UNIQUE CHECK (length(mac) = 17),"
    "  ipv4 INTEGER CHECK (ipv4 BETWEEN 1 AND 4294967295),"
    "  created_at_ms INTEGER NOT NULL"
    ") STRICT;"
    "CREATE UNIQUE INDEX port_vm_network ON port (vm, network);"
    "CREATE UNIQUE INDEX port_vm_ordinal ON port (vm, ordinal);"
    /* Ports without an address too: it also finds a network's ports. */
    "CREATE UNIQUE INDEX port_address ON port (network, ipv4);"

    /* Addresses that were some VM's and are nobody's now. */
    "CREATE TABLE address_release ("
    "  network TEXT NOT NULL REFERENCES network (id) ON DELETE CASCADE,"
    "  ipv4 INTEGER NOT NULL,"
    "  released_at_ms INTEGER NOT NULL,"
    "  PRIMARY KEY (network, ipv4)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX address_release_oldest ON address_release (network, released_at_ms);"

    "CREATE TABLE vm_seed ("
    "  vm TEXT PRIMARY KEY REFERENCES vm (id) ON DELETE CASCADE,"
    "  is_config_drive INTEGER NOT NULL CHECK (is_config_drive IN (0, 1)),"
    "  ssh_keys TEXT NOT NULL,"
    "  user_data BLOB,"
    "  token TEXT CHECK (length(token) = 32)"
    ") STRICT;"

    "CREATE INDEX event_keypair_deleted ON event (resource) WHERE type = 'keypair.deleted';"
    "CREATE INDEX event_network_deleted ON event (resource) WHERE type = 'network.deleted';";

/* Identity, with Keystone's records and rules: users and projects lie in domains, a role is assigned to a user on a project. The
 * table of projects is built anew because names are unique in a domain only. The first administrator has no password yet, so that
 * nobody logs in as it. token.roles: 1 reader, 2 member, 4 admin; 0: whatever its user has. */
#define NOW_MS "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
#define NEW_ID "lower(hex(randomblob(16)))"
static const char third_schema[] =
    "CREATE TABLE domain ("
    "  id TEXT PRIMARY KEY CHECK (length(id) = 32),"
    "  name TEXT NOT NULL UNIQUE,"
    "  description TEXT NOT NULL,"
    "  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),"
    "  created_at_ms INTEGER NOT NULL"
    ") STRICT;"
    "INSERT INTO domain VALUES (" NEW_ID ", 'Default', '', 1, " NOW_MS ");"

    "CREATE TABLE project_3 ("
    "  id TEXT PRIMARY KEY CHECK (length(id) = 32),"
    "  domain TEXT NOT NULL REFERENCES domain (id),"
    "  name TEXT NOT NULL,"
    "  description TEXT NOT NULL,"
    "  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),"
    "  created_at_ms INTEGER NOT NULL,"
    "  UNIQUE (domain, name)"
    ") STRICT;"
    "INSERT INTO project_3 SELECT p.id, d.id, p.name, '', 1, p.created_at_ms FROM project p, domain d;"
    "DROP TABLE project;"
    "ALTER TABLE project_3 RENAME TO project;"
    "CREATE INDEX project_created ON project (created_at_ms, id);"

    "CREATE TABLE user ("
    "  id TEXT PRIMARY KEY CHECK (length(id) = 32),"
    "  domain TEXT NOT NULL REFERENCES domain (id),"
    "  name TEXT NOT NULL,"
    "  description TEXT NOT NULL,"
    "  is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),"
    "  password_hash TEXT,"
    "  created_at_ms INTEGER NOT NULL,"
    "  UNIQUE (domain, name)"
    ") STRICT;"
    "CREATE INDEX user_created ON user (created_at_ms, id);"
    "INSERT INTO user SELECT " NEW_ID ", id, 'admin', 'the first administrator', 1, NULL, " NOW_MS " FROM domain;"

    "CREATE TABLE role ("
    "  id TEXT PRIMARY KEY CHECK (length(id) = 32),"
    "  name TEXT NOT NULL UNIQUE CHECK (name IN ('reader', 'member', 'admin'))"
    ") STRICT;"
    "INSERT INTO role VALUES (" NEW_ID ", 'reader'), (" NEW_ID ", 'member'), (" NEW_ID ", 'admin');"

    "CREATE TABLE role_assignment ("
    "  user TEXT NOT NULL REFERENCES user (id) ON DELETE CASCADE,"
    "  project TEXT NOT NULL REFERENCES project (id) ON UPDATE CASCADE ON DELETE CASCADE,"
    "  role TEXT NOT NULL REFERENCES role (id),"
    "  PRIMARY KEY (user, project, role)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX role_assignment_project ON role_assignment (project);"
    "INSERT INTO role_assignment SELECT u.id, p.id, r.id FROM user u, project p, role r"
    "  WHERE p.name = 'default' AND r.name = 'admin';"

    "CREATE TABLE token ("
    "  id TEXT PRIMARY KEY CHECK (length(id) = 32),"
    "  sha256 TEXT NOT NULL UNIQUE CHECK (length(sha256) = 64),"
    "  user TEXT NOT NULL REFERENCES user (id) ON DELETE CASCADE,"
    "  project TEXT REFERENCES project (id) ON UPDATE CASCADE ON DELETE CASCADE,"
    "  roles INTEGER NOT NULL CHECK (roles BETWEEN 0 AND 7),"
    "  name TEXT NOT NULL,"
    "  expires_at_ms INTEGER NOT NULL,"
    "  created_at_ms INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX token_user ON token (user);"
    "CREATE INDEX token_project ON token (project);"
    "CREATE INDEX token_created ON token (created_at_ms, id);"
    "CREATE INDEX token_expires ON token (expires_at_ms) WHERE expires_at_ms > 0;"

    /* What has no row here has the configuration's limit. */
    "CREATE TABLE quota ("
    "  project TEXT NOT NULL REFERENCES project (id) ON UPDATE CASCADE ON DELETE CASCADE,"
    "  resource TEXT NOT NULL,"
    "  max INTEGER NOT NULL CHECK (max >= -1)," /* -1: no limit */
    "  PRIMARY KEY (project, resource)"
    ") STRICT, WITHOUT ROWID;"
    /* All that a project's sums read. */
    "CREATE INDEX vm_project_sizes ON vm (project, vcpus, memory_mib, disk_gib);"
    "CREATE INDEX network_project ON network (project);"
    "CREATE INDEX keypair_project ON keypair (project);"
    /* The project that was there before there were limits has none, until an administrator sets some. */
    "INSERT INTO quota SELECT p.id, r.value, -1 FROM project p, json_each('[\"vms\", \"vcpus\", \"memory_mib\", \"disk_gib\","
    "  \"images\", \"networks\", \"ports\", \"keypairs\", \"tokens\"]') r WHERE p.name = 'default';"

    /* A key is its sender's: another user of the project may send the same. */
    "CREATE TABLE idempotency_3 ("
    "  project TEXT NOT NULL,"
    "  user_id TEXT NOT NULL,"
    "  key TEXT NOT NULL,"
    "  request TEXT NOT NULL,"
    "  body_sha256 TEXT NOT NULL,"
    "  status INTEGER NOT NULL,"
    "  answer TEXT,"
    "  location TEXT,"
    "  created_at_ms INTEGER NOT NULL,"
    "  PRIMARY KEY (project, user_id, key)"
    ") STRICT;"
    "INSERT INTO idempotency_3 SELECT project, '', key, request, body_sha256, status, answer, location, created_at_ms"
    "  FROM idempotency;"
    "DROP TABLE idempotency;"
    "ALTER TABLE idempotency_3 RENAME TO idempotency;"
    "CREATE INDEX idempotency_created ON idempotency (created_at_ms);"

    "ALTER TABLE job ADD COLUMN actor_user_id TEXT;"
    "ALTER TABLE audit ADD COLUMN user_id TEXT;"
    "CREATE INDEX audit_project ON audit (project, seq);"
    "CREATE INDEX event_project ON event (project, seq);";

/* What stays readable for a while of VMs that were terminated, and the order in which one project's VMs are paged by offset. */
static const char fourth_schema[] = "CREATE TABLE vm_tombstone ("
                                    "  id TEXT PRIMARY KEY CHECK (length(id) = 36),"
                                    "  project TEXT NOT NULL REFERENCES project (id) ON UPDATE CASCADE ON DELETE CASCADE,"
                                    "  name TEXT NOT NULL,"
                                    "  flavor TEXT,"
                                    "  vcpus INTEGER NOT NULL,"
                                    "  memory_mib INTEGER NOT NULL,"
                                    "  disk_gib INTEGER NOT NULL,"
                                    "  image TEXT NOT NULL,"
                                    "  metadata TEXT NOT NULL,"
                                    "  created_at_ms INTEGER NOT NULL,"
                                    "  terminated_at_ms INTEGER NOT NULL"
                                    ") STRICT;"
                                    /* All that a count of all VMs reads; those of one status by age. */
                                    "CREATE INDEX vm_status ON vm (status, created_at_ms, id);"
                                    "CREATE INDEX vm_tombstone_created ON vm_tombstone (created_at_ms, id);"
                                    "CREATE INDEX vm_tombstone_project_created ON vm_tombstone (project, created_at_ms, id);"
                                    "CREATE INDEX vm_tombstone_terminated ON vm_tombstone (terminated_at_ms);"
                                    "CREATE INDEX vm_project_created ON vm (project, created_at_ms, id);"
                                    "ALTER TABLE vm ADD COLUMN image_ref TEXT;";

/* What the host's shutdown took from a VM. And workers take up jobs in the order in which they were submitted, however many
 * were within one millisecond: an index ends with the rowid, which counts them. */
static const char fifth_schema[] = "ALTER TABLE vm ADD COLUMN restores_to TEXT CHECK (restores_to IN ('running', 'paused'));"
                                   "CREATE INDEX vm_restores ON vm (created_at_ms, id) WHERE restores_to IS NOT NULL;"
                                   "DROP INDEX job_pending;"
                                   "CREATE INDEX job_pending ON job (status) WHERE status = 'pending';";

static const struct migration migrations[] = {
    { first_schema, add_first_rows }, { second_schema, NULL }, { third_schema, NULL },
    { fourth_schema, NULL },          { fifth_schema, NULL },
};

const struct migration_list store_migrations = { migrations, (int)ARRAY_LEN(migrations) };
