/* oauth/command.h: the sub-commands `kagari client` and `kagari key`: what the authorisation server knows. */
#ifndef KAGARI_OAUTH_COMMAND_H
#define KAGARI_OAUTH_COMMAND_H

/* argv[0] is "client", "key". The process's exit status. */
int client_command(int argc, char **argv);
int key_command(int argc, char **argv);

#endif
