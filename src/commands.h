/* commands.h: the sub-commands that belong to no module. */
#ifndef KAGARI_COMMANDS_H
#define KAGARI_COMMANDS_H

#include <stdbool.h>

int check_config_command(int argc, char **argv);
int dev_command(int argc, char **argv);
int identity_key_command(int argc, char **argv);
bool is_identity_key_command(int argc, char **argv);
int package_command(int argc, char **argv);
int serve_command(int argc, char **argv);
int terminology_command(int argc, char **argv);

#endif
