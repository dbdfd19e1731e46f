/* What a host's capabilities say, by the words of libvirts that were asked. */
#include "../../src/virt/capabilities.h"
#include "unit.h"

#include "base/cleanup.h"
#include "base/xml.h"

#define HOST(models)                                                                                                             \
    "<capabilities><host><cpu/>" models "</host><guest><secmodel><model>guest</model></secmodel></guest></capabilities>"
#define MODEL(name) "<secmodel><model>" name "</model><doi>0</doi></secmodel>"

START_TEST(finds_a_security_model)
{
    static const struct {
        const char *text;
        bool has_dac;
    } cases[] = {
        { HOST(MODEL("dac")), true },           { HOST(MODEL("apparmor") MODEL("dac")), true }, /* a system's, on Debian */
        { HOST(MODEL("testSecurity")), false },                                                 /* the test driver's */
        { HOST("<secmodel/>"), false },         { HOST(""), false },                            /* a session's */
        { "<capabilities/>", false },
    };
    struct err e = ERR_INIT;
    bool has_dac;

    xml_init();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unit_ok(capabilities_text_has_secmodel(cases[i].text, "dac", &has_dac, &e));
        ck_assert_msg(has_dac == cases[i].has_dac, "%s", cases[i].text);
    }
    unit_ok(capabilities_text_has_secmodel(HOST(""), "guest", &has_dac, &e));
    ck_assert(!has_dac);
}
END_TEST

START_TEST(refuses_what_is_not_xml)
{
    struct err e = ERR_INIT;
    bool has_dac;

    xml_init();
    unit_fails(capabilities_text_has_secmodel("<capabilities>", "dac", &has_dac, &e), ERR_HYPERVISOR);
}
END_TEST

UNIT_MAIN("virt_capabilities", finds_a_security_model, refuses_what_is_not_xml)
