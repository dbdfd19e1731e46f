/* core/sidecar: what is written is read as it was; what is not ours is refused by name. */
#include <sys/stat.h>

#include "../../src/core/sidecar.h"
#include "../../src/core/sidecar_record.h"
#include "core_lab.h"

#include "base/json.h"

#define ID      "11111111-2222-4333-8444-555555555555"
#define NETWORK "22222222-2222-4333-8444-555555555555"
#define PROJECT "0123456789abcdef0123456789abcdef"

static struct port *a_port(uint32_t ordinal, uint32_t ipv4)
{
    struct port *p = calloc(1, sizeof *p);

    (void)snprintf(p->id, sizeof p->id, "3333333%u-2222-4333-8444-555555555555", ordinal);
    (void)str_copy(p->vm, sizeof p->vm, ID);
    (void)str_copy(p->network, sizeof p->network, NETWORK);
    (void)snprintf(p->mac, sizeof p->mac, "52:54:00:00:00:%02x", ordinal);
    p->ordinal = ordinal;
    p->ipv4 = ipv4;
    p->created_at_ms = 5;
    return p;
}

static struct sidecar a_vm(void)
{
    struct sidecar s = { .noun = SIDECAR_VM, .project_name = str_dup("default") };

    s.vm = calloc(1, sizeof *s.vm);
    (void)str_copy(s.vm->id, sizeof s.vm->id, ID);
    (void)str_copy(s.vm->project, sizeof s.vm->project, PROJECT);
    (void)str_copy(s.vm->image, sizeof s.vm->image, NETWORK);
    (void)str_copy(s.vm->hostname, sizeof s.vm->hostname, "web");
    s.vm->name = str_dup("wéb \"1\"\\");
    s.vm->image_name = str_dup("tiny");
    s.vm->metadata = str_dup("{\"b\":\"ö\",\"a\":\"\\u0007\"}");
    s.vm->tags = str_dup("[\"x\",\"y\"]");
    s.vm->keypair = str_dup("mine");
    s.vm->vcpus = 4;
    s.vm->memory_mib = 1 << 22;
    s.vm->disk_gib = 7;
    s.vm->autostart = s.vm->is_locked = s.vm->is_name_unique = true;
    s.vm->expires_at_ms = 4102444800000;
    s.vm->created_at_ms = 1;
    s.vm->ports.items = calloc(2, sizeof(struct port *));
    s.vm->ports.items[0] = a_port(0, 0x0a4d0002);
    s.vm->ports.items[1] = a_port(1, 0);
    s.vm->ports.count = 2;
    s.seed = calloc(1, sizeof *s.seed);
    (void)str_copy(s.seed->vm, sizeof s.seed->vm, ID);
    (void)str_copy(s.seed->token, sizeof s.seed->token, PROJECT);
    s.seed->ssh_keys = str_dup("[\"ssh-ed25519 AAAA\"]");
    s.seed->user_data_len = 5;
    s.seed->user_data = malloc(5);
    memcpy(s.seed->user_data, "a\0b\xff\n", 5);
    return s;
}

static char *text_of(const struct sidecar *s)
{
    char *text = NULL;

    unit_ok(sidecar_write(s, &text, &e));
    return text;
}

START_TEST(a_vm_comes_back_whole)
{
    AUTO_SIDECAR s = a_vm();
    AUTO_SIDECAR back = { .noun = SIDECAR_VM };
    AUTO_FREE char *text = text_of(&s);

    unit_ok(sidecar_parse(SIDECAR_VM, ID, text, &back, &e));
    AUTO_FREE char *again = text_of(&back);
    ck_assert_str_eq(text, again);
    ck_assert_str_eq(back.vm->name, s.vm->name);
    ck_assert_str_eq(back.vm->metadata, s.vm->metadata);
    ck_assert_ptr_null(back.vm->flavor);
    ck_assert_uint_eq(back.vm->ports.count, 2);
    ck_assert_str_eq(back.vm->ports.items[1]->vm, ID);
    ck_assert_uint_eq(back.vm->ports.items[0]->ipv4, 0x0a4d0002);
    ck_assert_uint_eq(back.vm->ports.items[1]->ipv4, 0);
    ck_assert_uint_eq(back.seed->user_data_len, 5);
    ck_assert_mem_eq(back.seed->user_data, "a\0b\xff\n", 5);
    ck_assert_str_eq(sidecar_project(&back), PROJECT);
}
END_TEST

/* Each member by itself is missing, then of another type: never a crash, and only the right one goes through. */
START_TEST(each_member_is_wanted)
{
    AUTO_SIDECAR s = a_vm();
    AUTO_FREE char *text = text_of(&s);
    AUTO_JSON whole = NULL;
    const char *name;
    json_t *value;

    unit_ok(json_parse(text, strlen(text), &whole, &e));
    json_object_foreach(whole, name, value)
    {
        AUTO_SIDECAR back = { .noun = SIDECAR_VM };
        AUTO_JSON without = json_copy(whole);
        AUTO_JSON other = json_copy(whole);

        (void)json_object_del(without, name);
        (void)json_object_set_new(other, name, json_real(1.5));
        AUTO_FREE char *short_text = json_text(without);
        AUTO_FREE char *wrong_text = json_text(other);
        ck_assert_msg(sidecar_parse(SIDECAR_VM, ID, short_text, &back, &e) < 0, "without %s", name);
        ck_assert_msg(sidecar_parse(SIDECAR_VM, ID, wrong_text, &back, &e) < 0, "with another %s", name);
    }
}
END_TEST

START_TEST(strangers_are_refused)
{
    static const struct {
        const char *text;
        enum err_code code;
    } cases[] = {
        { "", ERR_INVALID_JSON },
        { "{", ERR_INVALID_JSON },
        { "[]", ERR_INVALID_JSON },
        { "{\"version\":0,\"noun\":\"keypair\"}", ERR_INVALID_JSON },
        { "{\"version\":1,\"noun\":\"image\"}", ERR_INVALID_JSON },
        { "{\"version\":2,\"noun\":\"keypair\"}", ERR_CONFIG },
        { "{\"version\":1,\"noun\":\"keypair\"}", ERR_INVALID_FIELD },
        { "{\"version\":1,\"noun\":\"keypair\",\"project_name\":\"p\",\"id\":\"../../x\"}", ERR_INVALID_FIELD },
        { "{\"version\":1,\"noun\":\"keypair\",\"project_name\":\"p\",\"id\":\"" NETWORK
          "\",\"name\":\"k\",\"project\":\"" PROJECT
          "\",\"type\":\"t\",\"public_key\":\"p\",\"fingerprint_sha256\":\"s\",\"fingerprint_md5\":\"m\",\"created_at_ms\":1}",
          ERR_INVALID_FIELD },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_SIDECAR back = { .noun = SIDECAR_KEYPAIR };

        unit_fails(sidecar_parse(SIDECAR_KEYPAIR, ID, cases[i].text, &back, &e), cases[i].code);
    }
}
END_TEST

static bool is_there(enum sidecar_noun noun, const char *id)
{
    bool out = false;

    unit_ok(disk_sidecar_exists(disk, noun, id, &out, &e));
    return out;
}

START_TEST(files_follow_rows)
{
    AUTO_SIDECAR back = { .noun = SIDECAR_IMAGE };
    AUTO_FREE char *text = NULL;
    struct image_facts facts = { .size_bytes = 7, .virtual_size_bytes = 8 };
    size_t len = 0;

    core_lab_set_up();
    (void)str_copy(facts.sha256, sizeof facts.sha256, image.sha256);
    unit_ok(sidecar_sync_image(core, image.id, &facts, &e));
    unit_ok(disk_sidecar_read(disk, SIDECAR_IMAGE, image.id, &text, &len, &e));
    unit_ok(sidecar_parse(SIDECAR_IMAGE, image.id, text, &back, &e));
    ck_assert_uint_eq(back.image->size_bytes, 7);
    ck_assert_str_eq(back.project_name, "default");
    LAB_WRITE(store_image_set_status(t, &image, IMAGE_DELETING, "", NULL, &e));
    unit_ok(sidecar_sync(core, SIDECAR_IMAGE, image.id, &e));
    ck_assert(!is_there(SIDECAR_IMAGE, image.id));
    unit_ok(sidecar_sync(core, SIDECAR_IMAGE, ID, &e)); /* a row that never was */
    unit_ok(sidecar_sync(core, SIDECAR_VM, ID, &e));
    core_lab_tear_down();
}
END_TEST

START_TEST(what_was_there_before_catches_up)
{
    struct vm vm;

    core_lab_set_up();
    vm = lab_vm(&image, "old");
    LAB_WRITE(store_vm_insert(t, &vm, &e));
    lab_add_network("n", "203.0.113.0/28", NETWORK_ACTIVE);
    AUTO_FREE char *folder = lab_in_world("instances");
    AUTO_FREE char *path = str_printf("%s/%s", folder, vm.id);
    ck_assert_int_eq(mkdir(path, 0711), 0);
    unit_ok(sidecar_catch_up(core, &e));
    ck_assert(is_there(SIDECAR_VM, vm.id) && is_there(SIDECAR_IMAGE, image.id));
    AUTO_FREE char *network = lab_ask(lab_path, "SELECT id FROM network");
    ck_assert(is_there(SIDECAR_NETWORK, network));
    core_lab_tear_down();
}
END_TEST

UNIT_MAIN("core_sidecar", a_vm_comes_back_whole, each_member_is_wanted, strangers_are_refused, files_follow_rows,
          what_was_there_before_catches_up)
