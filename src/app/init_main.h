/* init_main: `computed init`. Private to main. */
#ifndef INIT_MAIN_H
#define INIT_MAIN_H

/* argv[0] is the word. The process' exit code. */
int init_main(int argc, char **argv);

#endif
