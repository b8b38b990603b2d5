/* Sleeping on a channel. */
#include "kernel.h"

enum { DROP_LOCK = 0x400 };

struct sleep_statistics { u64 sleeps; u64 interrupted; const char *last; };

static struct sleep_statistics statistics;
static lck_mtx unlocked;
u64 pending_signals;

/* `msleep` and its siblings all come here. */
static __attribute__((noinline)) int sleep_on(void *channel, int priority, const char *why, lck_mtx *lock)
{
	u32 interruptible = (priority & PRIORITY_CATCH_SIGNALS) != 0;

	statistics.sleeps++;
	statistics.last = why;
	if (interruptible && pending_signals != 0) {
		statistics.interrupted++;
		return 4;
	}
	if (channel == 0)
		return INVALID;
	int result = lck_mtx_sleep(lock, priority & DROP_LOCK ? 1 : 0, channel, interruptible);
	if (result != 0 && interruptible) {
		statistics.interrupted++;
		return 4;
	}
	return 0;
}

int tsleep(void *channel, int priority, const char *why)
{
	return sleep_on(channel, priority, why, &unlocked);
}

int msleep(void *channel, lck_mtx *lock, int priority, const char *why, const u64 *timeout)
{
	if (timeout != 0 && *timeout == 0)
		return 35;
	int error = sleep_on(channel, priority, why, lock);
	return error == 4 && timeout != 0 ? 35 : error;
}

void wakeup(void *channel)
{
	statistics.last = channel;
}
