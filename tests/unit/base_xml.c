/* XML: refusals of the parser, silence on stderr, and text that stays text. */
#include "unit.h"

#include "base/str.h"
#include "base/xml.h"

static xmlDocPtr parsed(const char *text)
{
    struct err e = ERR_INIT;
    xmlDocPtr doc = NULL;

    xml_init();
    unit_ok(xml_parse(text, strlen(text), &doc, &e));
    return doc;
}

START_TEST(refuses_with_file_and_line)
{
    static const struct {
        const char *text, *detail;
    } cases[] = {
        { "<a>\n<b>\n</a>", ".xml_" },
        { "<a>\n<b></a>", ":2: " },
        { "", ".xml_" },
        { "<a>&nbsp;</a>", "nbsp" },
        { "<a b='1' b='2'/>", "redefined" },
        { "<!DOCTYPE a><a/>", "DTD" },
        { "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", "DTD" },
        { "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "DTD" },
        { "<a/><a/>", "Extra content" },
        { "<a>\x01</a>", ":1: " },
        { "<a>\xFF</a>", ":1: " },
    };

    xml_init();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char path[] = "/tmp/base.xml_XXXXXX";
        struct err e = ERR_INIT;
        AUTO_XML doc = NULL;
        unit_temp_file(path, cases[i].text, strlen(cases[i].text));
        unit_fails(xml_parse_file(path, &doc, &e), ERR_TEMPLATE_INVALID);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_msg(str_starts_with(e.detail, path) && strstr(e.detail, cases[i].detail), "%zu: %s", i, e.detail);
        ck_assert_ptr_null(strstr(e.msg, path));
        ck_assert_ptr_null(doc);
    }
}
END_TEST

START_TEST(size_and_absence)
{
    AUTO_BUF big = { 0 };
    struct err e = ERR_INIT;
    AUTO_XML doc = NULL;

    buf_adds(&big, "<a>");
    while (big.len < 1024 * 1024)
        buf_adds(&big, "0123456789abcdef");
    buf_adds(&big, "</a>");
    unit_fails(xml_parse(big.data, big.len, &doc, &e), ERR_TEMPLATE_INVALID);
    unit_fails(xml_parse_file("no/such.xml", &doc, &e), ERR_TEMPLATE_INVALID);
    ck_assert_str_eq(e.detail, "no/such.xml: No such file or directory");
    ck_assert_ptr_null(strstr(e.msg, "no/such"));
}
END_TEST

static void parse_broken(const void *text)
{
    struct err e = ERR_INIT;
    xmlDocPtr doc = NULL;

    (void)xml_parse(text, strlen(text), &doc, &e);
}

START_TEST(nothing_is_printed)
{
    int pipe_fds[2];
    char text[256];

    ck_assert_int_eq(pipe(pipe_fds), 0);
    int kept = dup(STDERR_FILENO);
    (void)dup2(pipe_fds[1], STDERR_FILENO);
    parse_broken("<a>&nope;<b></a>");
    parse_broken("<a xmlns:x='relative'><x:b><y:c/></a>");
    parse_broken("\xFF\xFEzzz");
    (void)dup2(kept, STDERR_FILENO);
    (void)close(kept);
    (void)close(pipe_fds[1]);
    ck_assert_int_eq(read(pipe_fds[0], text, sizeof(text)), 0);
    (void)close(pipe_fds[0]);
}
END_TEST

START_TEST(finds_nodes)
{
    AUTO_XML doc = parsed("<d><!-- c --><devices><disk n='1'/><x/><disk n='2'><source file='f'/></disk></devices></d>");
    xmlNodePtr root = xmlDocGetRootElement(doc);
    xmlNodePtr disk = xml_find(root, "devices/disk");
    AUTO_FREE char *number = xml_attr(disk, "n");
    AUTO_FREE char *second = xml_attr(xml_next(disk, "disk"), "n");

    ck_assert_str_eq(number, "1");
    ck_assert_str_eq(second, "2");
    ck_assert_ptr_null(xml_attr(disk, "none"));
    ck_assert_ptr_null(xml_next(xml_next(disk, "disk"), "disk"));
    ck_assert_ptr_null(xml_find(root, "devices/disk/source")); /* the first disk has none */
    ck_assert_ptr_null(xml_child(root, "device"));
    ck_assert_ptr_null(xml_child(root, "devicess"));
    ck_assert_ptr_null(xml_find(NULL, "a"));
    ck_assert_ptr_null(xml_content(NULL));
}
END_TEST

/* Whatever people type comes back as they typed it, and the document never gets an element or entity of theirs. */
START_TEST(text_is_never_parsed)
{
    static const char *const texts[] = {
        "a & b",        "&amp;",    "&lt;x&gt;", "</name><evil/>", "&#65;", "\"'<![CDATA[x]]>", "%entity;",
        "\xE2\x82\xAC", " spaced ", "",          "tab\tand\nline"
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        AUTO_XML doc = parsed("<d><old>o &amp; <b/></old></d>");
        xmlNodePtr root = xmlDocGetRootElement(doc);
        ck_assert_ptr_nonnull(xml_add(root, "added", texts[i]));
        ck_assert_ptr_nonnull(xml_set(root, "old", texts[i]));
        ck_assert_ptr_nonnull(xml_set(root, "made", texts[i]));
        ck_assert_int_eq(xml_attr_set(root, "attr", "before"), 0);
        ck_assert_int_eq(xml_attr_set(root, "attr", texts[i]), 0);

        AUTO_FREE char *text = xml_text(doc);
        AUTO_XML again = parsed(text);
        xmlNodePtr read = xmlDocGetRootElement(again);
        AUTO_FREE char *added = xml_content(xml_child(read, "added"));
        AUTO_FREE char *old = xml_content(xml_child(read, "old"));
        AUTO_FREE char *made = xml_content(xml_child(read, "made"));
        AUTO_FREE char *attr = xml_attr(read, "attr");
        ck_assert_str_eq(added, texts[i]);
        ck_assert_str_eq(old, texts[i]);
        ck_assert_str_eq(made, texts[i]);
        ck_assert_str_eq(attr, texts[i]);
        ck_assert_uint_eq(xmlChildElementCount(read), 3);
    }
}
END_TEST

START_TEST(what_xml_cannot_hold_is_refused)
{
    static const char *const texts[] = { "\x01", "a\x1b", "\xFF", "\xEF\xBF\xBE", "\xED\xA0\x80" };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        AUTO_XML doc = parsed("<d><old>kept</old></d>");
        xmlNodePtr root = xmlDocGetRootElement(doc);
        ck_assert_ptr_null(xml_add(root, "x", texts[i]));
        ck_assert_ptr_null(xml_set(root, "old", texts[i]));
        ck_assert_int_eq(xml_attr_set(root, "a", texts[i]), -1);
        AUTO_FREE char *text = xml_text(doc);
        ck_assert_str_eq(text, "<d>\n  <old>kept</old>\n</d>\n");
    }
}
END_TEST

START_TEST(text_is_indented)
{
    AUTO_XML doc = parsed("<?xml version='1.0'?>\n<d>\n\n   <a/>\n</d>");
    xmlNodePtr b = xml_add(xmlDocGetRootElement(doc), "b", NULL);

    ck_assert_ptr_nonnull(xml_add(b, "c", "1"));
    AUTO_FREE char *text = xml_text(doc);
    ck_assert_str_eq(text, "<d>\n  <a/>\n  <b>\n    <c>1</c>\n  </b>\n</d>\n");
}
END_TEST

UNIT_MAIN("base_xml", refuses_with_file_and_line, size_and_absence, nothing_is_printed, finds_nodes, text_is_never_parsed,
          what_xml_cannot_hold_is_refused, text_is_indented)
