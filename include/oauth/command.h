/* oauth/command.h: the sub-commands `kagari client`, `kagari user` and `kagari key`: what the authorisation server knows. */
#ifndef KAGARI_OAUTH_COMMAND_H
#define KAGARI_OAUTH_COMMAND_H

#include "base/config.h"
#include "db/db.h"

/* argv[0] is "client", "user", "key". The process's exit status. */
int client_command(int argc, char **argv);
int user_command(int argc, char **argv);
int key_command(int argc, char **argv);

/* A development instance: the client "dev", a public one at loopback addresses, and the user "dev", with this password
 * from the first time on. */
bool oauth_dev_login(struct arena *a, const struct config *c, struct db_conn *conn, struct str password,
                     struct err *err) NODISCARD;

#endif
