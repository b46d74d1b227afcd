/* db/command.h: the sub-command `kagari migrate`. */
#ifndef KAGARI_DB_COMMAND_H
#define KAGARI_DB_COMMAND_H

int migrate_command(int argc, char **argv);

#endif
