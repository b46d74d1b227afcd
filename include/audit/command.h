/* audit/command.h: `kagari audit`. */
#ifndef KAGARI_AUDIT_COMMAND_H
#define KAGARI_AUDIT_COMMAND_H

/* argv[0] is "audit". The process's exit status: 0, 1 (it failed, or the log was tampered with), 2 (called wrongly). */
int audit_command(int argc, char **argv);

#endif
