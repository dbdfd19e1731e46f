/* doctor_main: `computed doctor`: looks at a daemon that is down, mends, and makes the database anew. */
#ifndef DOCTOR_MAIN_H
#define DOCTOR_MAIN_H

/* argv[0] is "doctor". Returns the exit code: 0 healthy, 1 findings, 2 could not look. */
int doctor_main(int argc, char **argv);

#endif
