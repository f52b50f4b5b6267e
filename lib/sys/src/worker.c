#include <base/fd.h>
#include <base/mem.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/worker.h>
#include <unistd.h>

typedef struct task {
    sv_worker_fn *run;
    sv_worker_fn *done;
    void *job;
} task;

/// One ring: [finished, taken) are done and wait for their `done`, [taken, accepted) wait to run.
struct sv_worker {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_cond_t idle; ///< everything accepted has run
    task *ring;
    size_t max;
    size_t accepted, ran, finished; ///< counts since the start
    bool ending;
    int bell; ///< eventfd: something has run
    sv_watch *watch;
};

static void *work(void *arg) {
    sv_worker *worker = arg;
    (void) pthread_mutex_lock(&worker->lock);
    for (;;) {
        while (worker->ran == worker->accepted && !worker->ending) {
            (void) pthread_cond_wait(&worker->wake, &worker->lock);
        }
        if (worker->ran == worker->accepted) {
            break;
        }
        task next = worker->ring[worker->ran % worker->max];
        (void) pthread_mutex_unlock(&worker->lock);
        next.run(next.job);
        (void) pthread_mutex_lock(&worker->lock);
        worker->ran++;
        (void) eventfd_write(worker->bell, 1);
        if (worker->ran == worker->accepted) {
            (void) pthread_cond_signal(&worker->idle);
        }
    }
    (void) pthread_mutex_unlock(&worker->lock);
    return NULL;
}

static void hand_back(void *arg) {
    sv_worker *worker = arg;
    eventfd_t rings = 0;
    (void) eventfd_read(worker->bell, &rings);
    for (;;) {
        (void) pthread_mutex_lock(&worker->lock);
        bool any = worker->finished < worker->ran;
        task next = any ? worker->ring[worker->finished % worker->max] : (task){ 0 };
        worker->finished += any ? 1 : 0;
        (void) pthread_mutex_unlock(&worker->lock);
        if (!any) {
            return;
        }
        next.done(next.job);
    }
}

/// Signals belong to the loop's thread.
static int start_thread(sv_worker *worker) {
    sigset_t all;
    sigset_t before;
    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&worker->thread, NULL, work, worker);
    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

sv_err sv_worker_open(sv_loop *loop, size_t queue_max, sv_worker **out, sv_why *why) {
    SV_DEFER(sv_fd_drop) int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bell < 0) {
        return sv_fail(why, SV_ERR_IO, "cannot make an eventfd: %m");
    }
    sv_worker *worker = sv_mem_new(sizeof *worker);
    worker->max = queue_max;
    worker->ring = sv_mem_array(queue_max, sizeof *worker->ring);
    worker->bell = bell;
    (void) pthread_mutex_init(&worker->lock, NULL);
    (void) pthread_cond_init(&worker->wake, NULL);
    (void) pthread_cond_init(&worker->idle, NULL);
    if (start_thread(worker) != 0) {
        free(worker->ring);
        free(worker);
        return sv_fail(why, SV_ERR_IO, "cannot start a thread: %m");
    }
    worker->bell = sv_fd_take(&bell);
    worker->watch = sv_watch_readable(loop, worker->bell, hand_back, worker);
    *out = worker;
    return SV_OK;
}

static void be_nice(void *job) {
    // On Linux this is of the calling thread alone. Being less nice is never asked for.
    (void) setpriority(PRIO_PROCESS, 0, (int) (intptr_t) job);
}

static void nothing(void *job) {
    (void) job;
}

void sv_worker_nice(sv_worker *worker, int nice) {
    // Nothing is lost where it cannot be done: the thread is then as eager as the others.
    (void) sv_worker_submit(worker, be_nice, nothing, (void *) (intptr_t) nice);
}

sv_err sv_worker_submit(sv_worker *worker, sv_worker_fn *run, sv_worker_fn *done, void *job) {
    (void) pthread_mutex_lock(&worker->lock);
    bool full = worker->accepted - worker->finished >= worker->max;
    if (!full) {
        worker->ring[worker->accepted % worker->max] =
            (task){ .run = run, .done = done, .job = job };
        worker->accepted++;
        (void) pthread_cond_signal(&worker->wake);
    }
    (void) pthread_mutex_unlock(&worker->lock);
    return full ? SV_ERR_NO_SPACE : SV_OK;
}

size_t sv_worker_waiting(const sv_worker *worker) {
    sv_worker *mine = (sv_worker *) (uintptr_t) worker;
    (void) pthread_mutex_lock(&mine->lock);
    size_t waiting = mine->accepted - mine->finished;
    (void) pthread_mutex_unlock(&mine->lock);
    return waiting;
}

void sv_worker_wait(sv_worker *worker) {
    (void) pthread_mutex_lock(&worker->lock);
    while (worker->ran < worker->accepted) {
        (void) pthread_cond_wait(&worker->idle, &worker->lock);
    }
    (void) pthread_mutex_unlock(&worker->lock);
    hand_back(worker);
}

void sv_worker_drop(sv_worker **worker) {
    sv_worker *mine = *worker;
    if (mine == NULL) {
        return;
    }
    (void) pthread_mutex_lock(&mine->lock);
    mine->ending = true;
    (void) pthread_cond_signal(&mine->wake);
    (void) pthread_mutex_unlock(&mine->lock);
    (void) pthread_join(mine->thread, NULL);
    hand_back(mine);
    sv_watch_drop(&mine->watch);
    sv_fd_drop(&mine->bell);
    (void) pthread_mutex_destroy(&mine->lock);
    (void) pthread_cond_destroy(&mine->wake);
    (void) pthread_cond_destroy(&mine->idle);
    free(mine->ring);
    free(mine);
    *worker = NULL;
}
