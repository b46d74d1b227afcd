/* fhirpath/command.h: `kagari fhirpath`. */
#ifndef KAGARI_FHIRPATH_COMMAND_H
#define KAGARI_FHIRPATH_COMMAND_H

/* argv[0] is "fhirpath". The process's exit status: 0 evaluated, 1 the expression is wrong, 2 called wrongly. */
int fhirpath_command(int argc, char **argv);

#endif
