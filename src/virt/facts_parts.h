/* Private to virt: the parts of facts: who asks whom, and what XML says. */
#ifndef VIRT_FACTS_PARTS_H
#define VIRT_FACTS_PARTS_H

#include "virt/facts.h"

/* Each adds what there is. They may hang as long as libvirt does. */
int libvirt_facts_read(const char *uri, struct virt_facts *to, struct err *e);
int fake_facts_read(const char *uri, struct virt_facts *to, struct err *e);

int fact_text_add(struct fact_texts *to, const char *text, struct err *e);
int fact_entry_add(struct fact_entries *to, const char *key, const char *value, struct err *e);
/* An empty one more, which is not yet counted: the caller fills it and counts. NULL: no memory. */
struct fact_domain *fact_domain_new(struct virt_facts *to, struct err *e);
struct fact_bridge *fact_network_new(struct virt_facts *to, struct err *e);
void fact_domain_done(struct fact_domain *d);
void fact_network_done(struct fact_bridge *n);

/* Tag, files and MACs; tag, bridge and entries. What is no XML says nothing. */
int fact_domain_read(const char *xml, struct fact_domain *d, struct err *e);
int fact_network_read(const char *xml, struct fact_bridge *n, struct err *e);

#endif
