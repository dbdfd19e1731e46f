/* fuzz/spec_to_xml: any bytes as the body of a create, through the front door, the refusals and the steps of the job, to the
 * domain that the hypervisor is asked to define. Its XML, parsed back, has the VM's name as title, our tag, exactly one disk that
 * can be written, in the VM's own folder, interfaces as the answer tells, and no element that the template and the filling do not
 * know. */
#define _GNU_SOURCE /* memmem */
#include <stdint.h>

#include "domain_elements.h"
#include "world_client.h"

#include "virt/domain_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 64 << 10, VMS_PER_WORLD = 128 };

static unsigned vms; /* of this world */

static void renew_world(void)
{
    static bool is_first = true;

    if (!is_first && vms < VMS_PER_WORLD)
        return;
    client_leave(WORLD_API);
    if (!is_first)
        world_close();
    world_open();
    client_add_image();
    free(client_make("/v1/flavors", "{\"name\":\"f\",\"vcpus\":1,\"memory_mib\":64,\"disk_gib\":1}"));
    free(client_make("/v1/networks", "{\"name\":\"net\"}"));
    free(client_make("/v1/keypairs", "{\"name\":\"key\"}"));
    if (is_first)
        WORLD_REQUIRE(atexit(world_close) == 0); /* before libcrypto ends */
    is_first = false;
    vms = 0;
}

/* ---- the domain ---- */

static json_t *read_record(const char *id)
{
    AUTO_FREE char *path = str_printf("%s/fake/%s.json", world.dir, id);
    json_t *record = json_load_file(path, 0, NULL);

    WORLD_REQUIRE(record);
    return record;
}

static void require_attr(xmlNodePtr node, const char *name, const char *value)
{
    AUTO_FREE char *text = node ? xml_attr(node, name) : NULL;

    WORLD_REQUIRE(str_equal(text, value));
}

static void check_tag(xmlNodePtr root, const json_t *vm)
{
    xmlNodePtr tag = xml_find(root, "metadata/vm");

    WORLD_REQUIRE(tag && tag->ns && strcmp((const char *)tag->ns->href, VIRT_METADATA_NS) == 0 && !xml_next(tag, "vm"));
    require_attr(tag, "id", json_string_value(json_object_get(vm, "id")));
    require_attr(tag, "name", json_string_value(json_object_get(vm, "name")));
    require_attr(tag, "project", json_string_value(json_object_get(vm, "project")));
}

static void check_disks(xmlNodePtr root, const char *id)
{
    AUTO_FREE char *disk_path = str_printf("%s/instances/%s/disk.qcow2", world.dir, id);
    AUTO_FREE char *seed_path = str_printf("%s/instances/%s/seed.iso", world.dir, id);
    xmlNodePtr disk = xml_find(root, "devices/disk"), seed = disk ? xml_next(disk, "disk") : NULL;

    WORLD_REQUIRE(disk && !xml_child(disk, "readonly"));
    require_attr(xml_child(disk, "source"), "file", disk_path);
    if (!seed)
        return;
    WORLD_REQUIRE(xml_child(seed, "readonly") && !xml_next(seed, "disk"));
    require_attr(xml_child(seed, "source"), "file", seed_path);
}

static void check_interfaces(xmlNodePtr root, const json_t *networks)
{
    xmlNodePtr interface = xml_find(root, "devices/interface");
    const json_t *network;
    size_t i;

    json_array_foreach(networks, i, network)
    {
        WORLD_REQUIRE(interface);
        require_attr(xml_child(interface, "mac"), "address", json_string_value(json_object_get(network, "mac")));
        interface = xml_next(interface, "interface");
    }
    WORLD_REQUIRE(!interface);
}

static void check_number(xmlNodePtr root, const char *element, const json_t *value)
{
    AUTO_FREE char *text = xml_content(xml_child(root, element));
    AUTO_FREE char *wanted = str_printf("%lld", (long long)json_integer_value(value));

    WORLD_REQUIRE(str_equal(text, wanted) && !xml_next(xml_child(root, element), element));
}

static void check_domain(const json_t *vm)
{
    struct err e = ERR_INIT;
    const char *id = json_string_value(json_object_get(vm, "id"));
    AUTO_JSON record = read_record(id);
    const char *text = json_string_value(json_object_get(record, "xml"));
    AUTO_XML doc = NULL;

    WORLD_REQUIRE(text);
    WORLD_OK(xml_parse(text, strlen(text), &doc, &e));
    xmlNodePtr root = xmlDocGetRootElement(doc), title = xml_child(root, "title");
    AUTO_FREE char *title_text = xml_content(title);
    AUTO_FREE char *uuid = xml_content(xml_child(root, "uuid"));

    WORLD_REQUIRE(domain_elements_are_known(root));
    WORLD_REQUIRE(str_equal(title_text, json_string_value(json_object_get(vm, "name"))) && !xml_next(title, "title"));
    WORLD_REQUIRE(str_equal(uuid, id));
    check_tag(root, vm);
    check_disks(root, id);
    check_interfaces(root, json_object_get(vm, "networks"));
    check_number(root, "vcpu", json_object_get(vm, "vcpus"));
    check_number(root, "memory", json_object_get(vm, "memory_mib"));
}

/* ---- asking ---- */

static struct client_answer create(const uint8_t *data, size_t size)
{
    AUTO_BUF request = { 0 };

    buf_addf(&request,
             "POST /v1/vms HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", size);
    buf_add(&request, data, size);
    WORLD_REQUIRE(!request.failed);
    return client_ask(WORLD_API, &request);
}

/* Of what was asked, the answer says the same. */
static void check_asked(const uint8_t *data, size_t size, const json_t *vm)
{
    struct err e = ERR_INIT;
    AUTO_JSON asked = NULL;

    WORLD_OK(json_parse((const char *)data, size, &asked, &e));
    WORLD_REQUIRE(json_equal(json_object_get(asked, "name"), json_object_get(vm, "name")));
}

/* The name is free again. */
static void forget(const char *id)
{
    AUTO_FREE char *path = str_printf("/v1/vms/%s", id);
    struct client_answer a = client_done(client_call("DELETE", path, NULL, NULL));

    client_answer_done(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = ERR_INIT;
    AUTO_JSON vm = NULL;

    if (size > INPUT_MAX)
        return 0;
    renew_world();
    CLIENT_ANSWER a = create(data, size);
    AUTO_FREE char *operation = client_operation(&a);
    WORLD_REQUIRE(operation ? a.status == 202 : a.status / 100 == 4);
    if (!operation)
        return 0;
    vms++;
    WORLD_REQUIRE(client_wait(operation));
    WORLD_OK(json_parse(a.body.data, a.body.len, &vm, &e));
    check_asked(data, size, vm);
    check_domain(vm);
    forget(json_string_value(json_object_get(vm, "id")));
    return 0;
}
