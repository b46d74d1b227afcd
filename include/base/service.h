/*
 * base/service.h: what the service manager is told (sd_notify(3)). Outside a service of Type=notify every
 * call does nothing. Thread safe.
 */
#ifndef KAGARI_BASE_SERVICE_H
#define KAGARI_BASE_SERVICE_H

#include <stdint.h>

void service_ready(void); /* requests are served; also after a reload */
void service_reloading(void);
void service_stopping(void); /* no new requests; draining */
void service_alive(void);    /* for the watchdog */

/* µs between two calls of service_alive(), half of what WatchdogSec= allows; 0: no watchdog. */
int64_t service_watchdog_us(void);

#endif
