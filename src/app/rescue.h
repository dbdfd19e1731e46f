/* rescue: `computed backup`, `computed restore` and what `computed doctor --rebuild` does. Private to main. */
#ifndef RESCUE_H
#define RESCUE_H

#include <stdbool.h>

/* argv[0] is the word. The process' exit code. */
int backup_main(int argc, char **argv);
int restore_main(int argc, char **argv);
/* 0: all was made; 1: something could not be made, and it was said; 2: nothing was changed. */
int rescue_rebuild(const char *config_path, bool checks_hashes);

#endif
