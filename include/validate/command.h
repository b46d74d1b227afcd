/* validate/command.h: `kagari validate`. */
#ifndef KAGARI_VALIDATE_COMMAND_H
#define KAGARI_VALIDATE_COMMAND_H

/* argv[0] is "validate". The process's exit status: 0 no errors, 1 errors found, 2 called wrongly. */
int validate_command(int argc, char **argv);

#endif
