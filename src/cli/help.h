/* help: the table of verbs for who reads it, in lines of less than 80 columns. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdbool.h>

/* noun NULL: one screen of groups and global options. Else the verbs of that group with their options; name NULL: all of them.
 * The noun "all" is every group. False: there is none such, and nothing was printed. */
bool help_print(const char *noun, const char *name);

#endif
