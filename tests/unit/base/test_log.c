#include <fcntl.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "support/test.h"

enum { TEXT_MAX = 8192 };
static struct arena a;
static int ends[2], real_stderr;

static void setup(void)
{
    arena_init(&a, 0);
    real_stderr = dup(STDERR_FILENO);
    ck_assert_int_eq(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    dup2(ends[1], STDERR_FILENO);
    log_set_level(LOG_INFO);
}

static void teardown(void)
{
    log_set_level(LOG_ERROR); /* as support/main.c has it */
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    close(ends[0]);
    close(ends[1]);
    arena_release(&a);
}

static struct str written(void)
{
    char *s = arena_alloc(&a, TEXT_MAX);
    ssize_t n = read(ends[0], s, TEXT_MAX);
    return (struct str){s, n < 0 ? 0 : (size_t)n};
}

static json *line(void)
{
    struct str text = written();
    json *j;
    struct err err;
    ck_assert_msg(text.len > 0 && text.s[text.len - 1] == '\n', "%.*s", STR_FMT(text));
    ck_assert(memchr(text.s, '\n', text.len - 1) == NULL);
    ck_assert_msg(json_parse(&a, (struct str){text.s, text.len - 1}, 10, &j, &err), "%.*s", STR_FMT(text));
    return j;
}

START_TEST(test_an_event_is_a_line_of_json)
{
    log_event(LOG_WARN, "tested", LOG_S("word", "a\"b\\c\n\x01"), LOG_I("number", INT64_MIN),
              LOG_S("absent", NULL));
    json *j = line();
    ck_assert_str_eq(json_get_string(j, "level"), "warn");
    ck_assert_str_eq(json_get_string(j, "event"), "tested");
    ck_assert_str_eq(json_get_string(j, "word"), "a\"b\\c  ");
    ck_assert_ptr_null(json_get(j, "absent"));
    ck_assert_ptr_nonnull(json_get(j, "number"));
    ck_assert_ptr_nonnull(json_get(j, "time"));
}
END_TEST

START_TEST(test_a_long_value_is_cut_and_the_line_ends)
{
    for (size_t n = 3900; n < 4200; n++) {
        struct buf b;
        buf_init(&b, &a, 3 * n);
        for (size_t i = 0; i < n; i++)
            buf_adds(&b, i < n - 100 ? "a" : i % 2 ? "\"" : "山");
        log_event(LOG_INFO, "long", LOG_S("value", b.s), LOG_I("n", n), LOG_S("more", b.s), LOG_I("m", n));
        ck_assert_str_eq(json_get_string(line(), "event"), "long");
    }
}
END_TEST

START_TEST(test_gathered_lines)
{
    log_gather(true);
    log_event(LOG_INFO, "one", LOG_I("n", 1));
    log_event(LOG_INFO, "two", LOG_I("n", 2));
    ck_assert_uint_eq(written().len, 0);
    log_flush();
    struct str rest, text = written(), first = str_cut(text, '\n', &rest);
    ck_assert_ptr_nonnull(strstr(arena_strndup(&a, first.s, first.len), "\"one\""));
    ck_assert_ptr_nonnull(strstr(arena_strndup(&a, rest.s, rest.len), "\"two\""));
    log_event(LOG_INFO, "before", LOG_I("n", 1));
    log_event(LOG_WARN, "now", LOG_I("n", 2));
    text = written();
    ck_assert_ptr_nonnull(strstr(arena_strndup(&a, text.s, text.len), "\"before\""));
    size_t seen = 0;
    for (int i = 0; i < 100; i++) { /* more than there is room for */
        log_event(LOG_INFO, "many", LOG_I("n", i));
        text = written();
        ck_assert(text.len == 0 || text.s[text.len - 1] == '\n');
        seen += text.len;
    }
    ck_assert_uint_gt(seen, 0);
    written();
    log_event(LOG_INFO, "last", LOG_I("n", 1));
    log_gather(false);
    ck_assert_uint_gt(written().len, 0);
    log_event(LOG_INFO, "single", LOG_I("n", 1));
    ck_assert_str_eq(json_get_string(line(), "event"), "single");
}
END_TEST

START_TEST(test_levels)
{
    enum log_level level;
    log_event(LOG_DEBUG, "quiet", LOG_I("n", 1));
    ck_assert_uint_eq(written().len, 0);
    log_set_level(LOG_ERROR);
    log_event(LOG_WARN, "quiet", LOG_I("n", 1));
    ck_assert_uint_eq(written().len, 0);
    log_event(LOG_ERROR, "loud", LOG_I("n", 1));
    ck_assert_uint_gt(written().len, 0);
    ck_assert(log_level_parse("debug", &level) && level == LOG_DEBUG);
    ck_assert(!log_level_parse("loud", &level));
}
END_TEST

Suite *suite_base_log(void)
{
    Suite *s = suite_create("base/log");
    TCase *tc = tcase_create("log");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_an_event_is_a_line_of_json);
    tcase_add_test(tc, test_a_long_value_is_cut_and_the_line_ends);
    tcase_add_test(tc, test_gathered_lines);
    tcase_add_test(tc, test_levels);
    suite_add_tcase(s, tc);
    return s;
}
