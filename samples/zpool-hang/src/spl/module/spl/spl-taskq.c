/* Task queues: a ring of jobs and the threads that work it off. */
#include "spl.h"

enum { RING = 64 };

struct job { taskq_job run; void *argument; };

struct taskq {
	kmutex lock;
	kcondvar work;
	kcondvar idle;
	u32 threads;
	u32 active;
	u32 queued;
	u32 head;
	u32 stopping;
	int priority;
	const char *name;
	struct job ring[RING];
};

static inline int taskq_is_busy(const taskq *queue)
{
	return queue->active != 0 || queue->queued != 0;
}

static inline __attribute__((always_inline)) void taskq_sleep_until_idle(taskq *queue)
{
	while (taskq_is_busy(queue))
		spl_cv_wait(&queue->idle, &queue->lock, queue->priority, "taskq_idle");
}

__attribute__((noinline)) void taskq_wait(taskq *queue)
{
	spl_mutex_enter(&queue->lock);
	taskq_sleep_until_idle(queue);
	spl_mutex_exit(&queue->lock);
}

static inline __attribute__((always_inline)) void taskq_stop_threads(taskq *queue)
{
	spl_mutex_enter(&queue->lock);
	queue->stopping = 1;
	spl_cv_broadcast(&queue->work);
	while (queue->threads != 0)
		spl_cv_wait(&queue->idle, &queue->lock, queue->priority, "taskq_stop");
	spl_mutex_exit(&queue->lock);
}

void taskq_destroy(taskq *queue)
{
	taskq_wait(queue);
	taskq_stop_threads(queue);
	kernel_free(queue, sizeof *queue);
}

static inline struct job taskq_take(taskq *queue)
{
	struct job next = queue->ring[queue->head];
	queue->head = (queue->head + 1) % RING;
	queue->queued--;
	queue->active++;
	return next;
}

void taskq_thread(void *argument)
{
	taskq *queue = argument;

	spl_mutex_enter(&queue->lock);
	while (!queue->stopping) {
		if (queue->queued == 0) {
			spl_cv_broadcast(&queue->idle);
			spl_cv_wait(&queue->work, &queue->lock, queue->priority, "taskq_work");
			continue;
		}
		struct job next = taskq_take(queue);
		spl_mutex_exit(&queue->lock);
		next.run(next.argument);
		spl_mutex_enter(&queue->lock);
		queue->active--;
	}
	queue->threads--;
	spl_cv_broadcast(&queue->idle);
	spl_mutex_exit(&queue->lock);
}

taskq *taskq_create(const char *name, u32 threads, int priority)
{
	taskq *queue = kernel_alloc(sizeof *queue);

	if (queue == 0)
		return 0;
	spl_cv_init(&queue->work);
	spl_cv_init(&queue->idle);
	queue->name = name;
	queue->priority = priority;
	for (u32 started = 0; started < threads; started++) {
		thread_ref thread;
		if (kernel_thread_start(taskq_thread, queue, &thread) == 0)
			queue->threads++;
	}
	return queue;
}

int taskq_dispatch(taskq *queue, taskq_job job, void *argument)
{
	int error = OUT_OF_MEMORY;

	spl_mutex_enter(&queue->lock);
	if (queue->queued < RING) {
		struct job *slot = &queue->ring[(queue->head + queue->queued) % RING];
		slot->run = job;
		slot->argument = argument;
		queue->queued++;
		spl_cv_broadcast(&queue->work);
		error = 0;
	}
	spl_mutex_exit(&queue->lock);
	return error;
}
