/* tenant/command.h: the sub-command `kagari tenant`. argv[0] is its name; the process's exit status. */
#ifndef KAGARI_TENANT_COMMAND_H
#define KAGARI_TENANT_COMMAND_H

int tenant_command(int argc, char **argv);

#endif
