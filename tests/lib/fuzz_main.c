/* Replays files through a fuzzer's entry points, without libFuzzer: FUZZER FILE... Prints their number; a bad one ends the
 * process. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak)); /* not every fuzzer has one */

enum { INPUT_MAX = 16 << 20, INPUT_DEADLINE_S = 30 };

static int replay(const char *path)
{
    uint8_t *data = malloc(INPUT_MAX);
    FILE *f = fopen(path, "re");
    size_t len = data && f ? fread(data, 1, INPUT_MAX, f) : 0;

    if (!data || !f || ferror(f)) {
        perror(path);
        free(data);
        return -1;
    }
    (void)fclose(f);
    (void)alarm(INPUT_DEADLINE_S);
    data = realloc(data, len > 0 ? len : 1); /* so that a sanitizer sees a read behind the end */
    (void)LLVMFuzzerTestOneInput(data, len);
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    if (LLVMFuzzerInitialize && LLVMFuzzerInitialize(&argc, &argv) != 0)
        return 1;
    for (int i = 1; i < argc; i++)
        if (replay(argv[i]) < 0)
            return 1;
    printf("%d inputs replayed\n", argc - 1);
    return argc > 1 ? 0 : 1;
}
