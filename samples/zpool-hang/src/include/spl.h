/* The part of Solaris that the sample zfs.kext stands on, as spl.kext offers it. */
#pragma once
#include "kpi.h"

typedef struct { lck_mtx lock; thread_ref owner; } kmutex;
typedef struct { u32 waiters; u32 generation; } kcondvar;
typedef struct taskq taskq;
typedef void (*taskq_job)(void *argument);

void spl_cv_init(kcondvar *cv);
int spl_cv_wait(kcondvar *cv, kmutex *mutex, int priority, const char *why);
void spl_cv_broadcast(kcondvar *cv);
void spl_mutex_enter(kmutex *mutex);
void spl_mutex_exit(kmutex *mutex);

taskq *taskq_create(const char *name, u32 threads, int priority);
int taskq_dispatch(taskq *queue, taskq_job job, void *argument);
void taskq_wait(taskq *queue);
void taskq_destroy(taskq *queue);
