/* Mutexes that can be slept on. */
#include "kernel.h"

enum { SLEEP_UNLOCK = 1 };

void lck_mtx_lock(lck_mtx *lock)
{
	while (__sync_lock_test_and_set(&lock->owner, 1) != 0)
		lock->waiters++;
}

void lck_mtx_unlock(lck_mtx *lock)
{
	__sync_lock_release(&lock->owner);
}

int lck_mtx_sleep(lck_mtx *lock, u32 action, void *event, u32 interruptible)
{
	assert_wait(event, interruptible);
	lck_mtx_unlock(lock);
	int result = thread_block_reason(0, 0, 0);
	if (!(action & SLEEP_UNLOCK))
		lck_mtx_lock(lock);
	return result;
}
