/* Mutexes that know their owner. */
#include "spl.h"

void spl_mutex_enter(kmutex *mutex)
{
	lck_mtx_lock(&mutex->lock);
	mutex->owner = current_thread();
}

void spl_mutex_exit(kmutex *mutex)
{
	mutex->owner = 0;
	lck_mtx_unlock(&mutex->lock);
}
