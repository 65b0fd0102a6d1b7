/* SIGINT and SIGTERM as a request to end. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/common/start.h"
#include "tools/common/stop.h"

/* A handler on the stack of a product of oneDNN would write over the heap. */
static void handlers_have_a_stack_of_their_own(void **state) {
    (void)state;
    static const int signals[] = {SIGINT, SIGTERM};
    stack_t stack;
    assert_int_equal(sigaltstack(NULL, &stack), 0);
    assert_int_equal(stack.ss_flags & SS_DISABLE, 0);
    assert_true(stack.ss_size >= 4 * (size_t)sysconf(_SC_MINSIGSTKSZ));
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction action;
        assert_int_equal(sigaction(signals[i], NULL, &action), 0);
        assert_true(action.sa_flags & SA_ONSTACK);
    }
}

static bool is_readable(int fd) {
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    return poll(&wait, 1, 0) == 1;
}

static void the_first_signal_asks_and_the_second_ends(void **state) {
    (void)state;
    assert_true(stop_fd() > 0);
    assert_int_equal(*stop_requested(), 0);
    assert_false(is_readable(stop_fd()));
    assert_int_equal(raise(SIGTERM), 0);
    assert_int_equal(*stop_requested(), SIGTERM);
    assert_true(is_readable(stop_fd()));
    struct sigaction action;
    assert_int_equal(sigaction(SIGTERM, NULL, &action), 0);
    assert_true(action.sa_handler == SIG_DFL);
}

int main(void) {
    start_program();
    stop_on_signals();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handlers_have_a_stack_of_their_own),
        cmocka_unit_test(the_first_signal_asks_and_the_second_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
