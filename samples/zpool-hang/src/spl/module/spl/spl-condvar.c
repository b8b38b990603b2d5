/* Condition variables on top of the kernel's msleep. */
#include "spl.h"

static inline void mutex_hand_over(kmutex *mutex)
{
	mutex->owner = 0;
}

/* Sleeps with the mutex given up; msleep takes it again before it returns. */
static inline __attribute__((always_inline)) int
cv_block(kcondvar *cv, kmutex *mutex, int priority, const char *why)
{
	cv->waiters++;
	return msleep(cv, &mutex->lock, priority, why, 0);
}

void spl_cv_init(kcondvar *cv)
{
	cv->waiters = 0;
	cv->generation = 0;
}

int spl_cv_wait(kcondvar *cv, kmutex *mutex, int priority, const char *why)
{
	mutex_hand_over(mutex);
	int error = cv_block(cv, mutex, priority, why);
	cv->waiters--;
	mutex->owner = current_thread();
	return error;
}

void spl_cv_broadcast(kcondvar *cv)
{
	if (cv->waiters == 0)
		return;
	cv->generation++;
	wakeup(cv);
}
