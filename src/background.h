/* src/background.h: what `kagari serve` and `kagari dev` run beside the requests. */
#ifndef KAGARI_BACKGROUND_H
#define KAGARI_BACKGROUND_H

#include "api/server.h"

extern const struct server_background background_jobs;

#endif
