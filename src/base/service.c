#include "base/service.h"

#include <inttypes.h>
#include <systemd/sd-daemon.h>

#include "base/clock.h"

void service_ready(void)
{
    sd_notify(0, "READY=1");
}

void service_reloading(void)
{
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_mono_us());
}

void service_stopping(void)
{
    sd_notify(0, "STOPPING=1");
}

void service_alive(void)
{
    sd_notify(0, "WATCHDOG=1");
}

int64_t service_watchdog_us(void)
{
    uint64_t us;
    return sd_watchdog_enabled(0, &us) > 0 ? (int64_t)(us / 2) : 0;
}
