/*
 * Reads every field of every record of a log with libauparse, as auditd's own tools do.
 *
 *     auparse walk|interpret FILE
 *
 * The functions are declared here, so that only the library is needed and not its headers.
 */
#include <stdio.h>
#include <string.h>

typedef struct auparse_state auparse_state_t;
auparse_state_t *auparse_init(int source, const void *name);
int auparse_next_event(auparse_state_t *state);
int auparse_first_record(auparse_state_t *state);
int auparse_next_record(auparse_state_t *state);
int auparse_next_field(auparse_state_t *state);
const char *auparse_get_field_str(auparse_state_t *state);
const char *auparse_interpret_field(auparse_state_t *state);
void auparse_destroy(auparse_state_t *state);

enum { AUSOURCE_FILE = 1 };

int main(int argc, char **argv)
{
    auparse_state_t *state = argc > 2 ? auparse_init(AUSOURCE_FILE, argv[2]) : NULL;
    int interpret = argc > 1 && strcmp(argv[1], "interpret") == 0;
    unsigned long bytes = 0;

    if (!state)
        return 1;
    while (auparse_next_event(state) > 0) {
        if (auparse_first_record(state) <= 0)
            continue;
        do {
            do {
                const char *text = interpret ? auparse_interpret_field(state)
                                             : auparse_get_field_str(state);
                bytes += text ? strlen(text) : 0;
            } while (auparse_next_field(state) > 0);
        } while (auparse_next_record(state) > 0);
    }
    auparse_destroy(state);
    printf("%lu bytes in values\n", bytes);
    return 0;
}
