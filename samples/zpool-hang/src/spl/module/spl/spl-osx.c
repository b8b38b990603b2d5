/* Start and stop of spl.kext. */
#include "spl.h"

taskq *system_taskq;

int spl_start(void *info, void *data)
{
	system_taskq = taskq_create("system_taskq", 4, PRIORITY_KERNEL);
	return system_taskq == 0 ? OUT_OF_MEMORY : 0;
}

int spl_stop(void *info, void *data)
{
	taskq_destroy(system_taskq);
	system_taskq = 0;
	return 0;
}
