"""Every row of the watchdog's contract, and the test that shows it.

A row is an id (section of the contract and a short name), the row in a few words, and where it is shown: a test
(`file::test`, with `[case]` where one case is meant; `file` stands for `test_watchdog_file.py`), or, after `differs:`,
the beginning of the line under "Differences" in docs/watchdog.md, where we do something else on purpose.
"""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    id: str
    says: str
    shown: str


TEXT = """
1.1 version | -version prints one line on standard error | lifecycle::test_version
1.1 one-dash-or-two | single and double dashes are the same | lifecycle::test_version[--version]
1.1 v | -v is no flag | differs: `-v` is an error
1.1 healthcheck | -run-healthcheck looks for the lock file | lifecycle::test_healthcheck_follows_the_lock_file
1.1 healthcheck-alone | it needs no configuration | contract::test_healthcheck_needs_no_configuration
1.1 help | -h prints the usage and exits 0 | contract::test_default
1.1 unknown-flag | exit code 2 | lifecycle::test_unknown_flag
1.1 arguments | positional arguments are ignored | differs: arguments are ignored
1.1 version-in-log | the first line of the log is the version | contract::test_first_line_of_the_log_is_the_version
1.2 clean-end | SIGTERM ends with 0 | lifecycle::test_drain
1.2 drain-over | 0 too | lifecycle::test_calls_that_outlast_the_drain_are_cut_and_their_processes_killed
1.2 no-process | a missing fprocess refuses to start | lifecycle::test_start_is_refused_in_one_line
1.2 write-timeout-0 | means no limit | contract::test_case[write-timeout-0]
1.2 log-buffer-text | log_buffer_size that is no number | differs: settings that cannot be read
1.2 unknown-mode | is refused | lifecycle::test_start_is_refused_in_one_line
1.2 port-taken | exits 0 | differs: a taken port exits 0
1.2 metrics-port-taken | exit code 2 | lifecycle::test_metrics_port_that_is_taken
1.2 lock-unwritable | exit code 2 | lifecycle::test_lock_file_that_cannot_be_written
1.2 http-not-started | exit code 1 | http::test_function_that_cannot_be_started
1.2 http-ends-badly | exit code 1 | differs: `exit 5` of the process
1.2 http-ends-well | keeps running | differs: a process that ends with 0
1.2 jwt-incomplete | exit code 1 | lifecycle::test_start_is_refused_in_one_line
1.2 other-signals | INT and HUP end it at once | contract::test_other_signals_end_it_at_once_and_leave_the_lock_file
1.3 main-port | all interfaces, both families | contract::test_both_families_are_listened_on
1.3 default-ports | 8080, and 8081 for metrics | contract::test_ports_are_8080_and_8081
1.4 split | the command is split at single spaces | fork::test_command_is_split_at_single_spaces
1.4 path | found in PATH | fork::test_body_goes_to_the_process_and_its_output_comes_back
1.4 relative | or from the working folder | contract::test_relative_command_is_found_from_the_working_folder
1.4 environment | children inherit everything | contract::test_case[children-inherit-settings]
1.4 groups | no group is made or killed | differs: a timeout kills the process only
1.4 groups-ended | nor when the process has ended | differs: a process that fails or, in `http`, ends
1.4 orphans | are not reaped (ours reaps) | memory::test_orphans_are_reaped_as_the_first_process
1.4 limits | the function has our soft ones | limits::test_function_has_the_soft_limits_we_were_started_with
1.4 descriptors | a call without one left is a 503 | limits::test_call_without_a_descriptor_left_is_a_503
2.1 seconds | whole numbers are seconds | lifecycle::test_durations[10-10s]
2.1 units | or durations with units | lifecycle::test_durations[1m30s-1m30s]
2.1 negative | below zero is no limit | contract::test_case[negative-timeouts-are-none]
2.1 unreadable-duration | falls back to the default | lifecycle::test_durations[1d-30s]
2.1 booleans | true and 1 | contract::test_booleans
2.1 boolean-texts | the texts depend on the variable | differs: which texts mean true
2.1 other-text-is-false | even where the default is true | contract::test_case[cgi-headers-other-text]
2.1 combine-other-text | the same for combine_output | contract::test_case[combine-output-other-text]
2.1 prefix-unreadable | keeps the default | contract::test_prefix_logs_is_on_unless_it_is_turned_off[nope-True]
2.1 callid-unreadable | is false | contract::test_case[log-callid-unreadable]
2.1 port-unreadable | is 8080 | contract::test_ports_are_8080_and_8081
2.1 port-too-high | fails to bind | contract::test_port_above_all_is_refused
2.1 max-inflight-unreadable | no limit | contract::test_case[max-inflight-unreadable]
2.1 empty-alias | an empty alias hides the other name | differs: an empty variable hides its alias
2.1 empty-content-type | an empty header with a mode | streaming::test_type_that_is_set_to_nothing_is_sent_empty
2.1 empty-mode | the default mode | contract::test_case[mode-empty]
2.2 fprocess | the command | fork::test_body_goes_to_the_process_and_its_output_comes_back
2.2 function_process | wins over fprocess | streaming::test_function_process_wins_over_fprocess
2.2 mode | five values, case matters | lifecycle::test_start_is_refused_in_one_line
2.2 mode-default | streaming | differs: unset `mode` of of-watchdog
2.2 port | main port | contract::test_default[port]
2.2 read_timeout | default, idle connections too | server::test_idle_connection_is_closed
2.2 write_timeout | default | contract::test_default[write_timeout]
2.2 exec_timeout-classic | off without a mode | contract::test_effective_settings_are_logged
2.2 exec_timeout | 30s with one | streaming::test_exec_timeout_is_30_seconds_with_a_mode
2.2 healthcheck_interval | write_timeout's value | contract::test_effective_settings_are_logged
2.2 suppress_lock | no lock file | contract::test_booleans[true-True]
2.2 max_inflight | 0 is no limit | server::test_concurrency_is_not_limited_by_default
2.2 content_type | forces the type | fork::test_content_type_is_forced
2.2 content_type-http | not in http | http::test_missing_type_is_sniffed_and_never_forced
2.2 content_type-static | not in static | contract::test_static
2.2 cgi_headers | request in the environment | fork::test_cgi_headers_off_leaves_only_our_own_environment
2.2 marshal_request | JSON instead of the body | fork::test_marshal_request
2.2 combine_output | both streams in the answer | fork::test_both_streams_are_answered
2.2 write_debug | output copied | fork::test_write_debug_copies_the_output
2.2 debug_headers | headers printed | fork::test_write_debug_copies_the_output
2.2 upstream_url | where to forward | http::test_request_arrives_as_it_was_sent
2.2 http_upstream_url | wins over upstream_url | http::test_http_upstream_url_wins
2.2 http_buffer_req_body | whole body first | http::test_buffered_request_has_a_length[http_buffer_req_body]
2.2 buffer_http | its old name | http::test_buffered_request_has_a_length[buffer_http]
2.2 static_path | folder, absolute or relative | contract::test_static_folder_may_be_relative
2.2 static_path-default | /home/app/public | contract::test_default[static_path]
2.2 ready_path | what /_/ready asks | server::test_ready_asks_the_function
2.2 prefix_logs | date and stream before lines | streaming::test_prefix_logs
2.2 log_buffer_size | longest line; below 0 none | contract::test_long_lines_are_logged_whole_or_in_pieces
2.2 log_callid | call id in access lines | http::test_call_id_in_the_log
2.2 jwt_auth | a token is needed | tokens::test_bad_token
2.2 jwt_auth_debug | says why not | tokens::test_refused_token_is_explained_when_wanted
2.2 jwt_auth_local | keys from 127.0.0.1:8000 | tokens::test_local_authority_is_used
2.2 OPENFAAS_NAME | identity, with jwt_auth | tokens::test_permissions_are_compared_as_a_whole
2.2 OPENFAAS_NAMESPACE | its namespace | lifecycle::test_start_is_refused_in_one_line
2.2 TMPDIR | folder of the lock file | contract::test_lock_file_is_empty_and_its_folder_is_made
2.2 TMPDIR-default | /tmp | contract::test_default[TMPDIR]
2.2 HTTP_PROXY | outgoing proxy | forward_proxy::test_function_elsewhere_is_asked_through_the_proxy
2.2 HTTPS_PROXY | for https | forward_proxy::test_tunnel_carries_https
2.2 NO_PROXY | hosts without it | forward_proxy::test_hosts_of_no_proxy_are_asked_directly
2.2 proxy-loopback | never for this machine | forward_proxy::test_this_machine_is_never_asked_through_the_proxy
2.2 proxy-socks | works too | differs: `socks5://` in `HTTP_PROXY`
2.2 metrics_port | ours: the port, or off | lifecycle::test_metrics_can_be_off
2.2 warm | ours: processes in advance | warm::test_processes_are_waiting_before_a_request
2.2 restart | ours: http's process again | http::test_function_is_restarted_when_wanted
2.2 log_format | ours: json | server::test_logs_as_json
2.2 jwt_auth_authority | ours: any authority | tokens::test_authority_is_asked_once
2.2 trap-log_call_id | is not read | contract::test_call_id_is_logged_by_the_name_that_works[log_call_id]
2.2 trap-read_debug | is not read | contract::test_case[unknown-variables-are-ignored]
2.2 trap-chunked | buffered requests stay chunked | differs: requests become chunked in `http`
2.2 trap-update | UPDATE is refused, PATCH is not | fork::test_other_methods_are_refused[UPDATE]
3 http2 | prior knowledge is 400, HTTP/2.0 is 505 | server::test_protocol
3 h2c | is not acted upon | contract::test_case[h2c-is-not-acted-upon]
3 http-1.2 | is answered | contract::test_case[http-1.2-is-1.1]
3 keep-alive | connections are kept | server::test_connection_is_kept
3 pipelining | works | http_connections::test_pipelined_requests_of_every_kind
3 idle | closed after read_timeout | server::test_idle_connection_is_closed
3 continue | sent when the body is read | fork::test_continue_is_sent_before_the_body_is_read
3 malformed | host, line, escape, lengths: 400 | http_connections::test_malformed_request_never_reaches_the_function
3 coding | other than chunked: 501 | contract::test_case[unsupported-coding]
3 both-lengths | chunked wins | contract::test_case[chunked-wins-over-length]
3 long-header | above 1 MiB: 431 | server::test_header_too_large
3 any-body | no limit on size | memory::test_memory_is_flat_with_a_process_per_request
3 clean-path | 307 to the cleaned path, query kept | server::test_path_is_cleaned_by_a_redirect
3 clean-path-html | a link for GET | contract::test_case[redirect-of-get-has-a-link]
3 clean-path-post | no body for others | contract::test_case[redirect-of-post-is-empty]
3 encoded-slash | is left alone | contract::test_case[encoded-slashes-stay]
3 options-star | 200, empty | http_connections::test_answer_and_the_next_one
3 connect | 404 | contract::test_case[connect-is-unknown]
3 framing | length up to 2048 bytes, chunked above | fork::test_framing_depends_on_size
3 framing-1.0 | the connection's end | server::test_http_1_0_answer_ends_with_the_connection
3 date | always; no Server | fork::test_body_goes_to_the_process_and_its_output_comes_back
3 sniffing | type by content | fork::test_type_of_the_answer_is_sniffed
3 sniffing-empty | none for empty bodies | fork::test_empty_answer_has_no_type
3 sniffing-encoded | none for encoded ones | contract::test_encoded_answer_is_passed_on_and_not_sniffed
3 canonical | header names | contract::test_names_of_headers_are_canonical
3.1 health | 200 OK or 503 | server::test_healthy
3.1 health-query | is ignored | server::test_healthy[/_/health?x=1]
3.1 health-methods | others are 405 | server::test_health_is_only_for_get
3.1 ready | 200, 503, 429 or the function's | server::test_calls_above_the_limit_are_refused
3.1 ready-classic | belongs to the function | differs: without a mode the function answers
3.1 others | belong to the function | server::test_other_paths_belong_to_the_function
3.1 metrics | any method | server::test_metrics_answer_every_method
3.1 metrics-other | 404 | server::test_metrics_port_has_nothing_else
3.2 classic-order | token before limit before method | tokens::test_order_of_token_and_limit[-401]
3.2 order | limit before token with a mode | tokens::test_order_of_token_and_limit[streaming-429]
3.2 limit-before-method | 429 for OPTIONS | server::test_calls_above_the_limit_are_refused
4 refusal | 429 with its text and headers | server::test_calls_above_the_limit_are_refused
4 open-paths | health and metrics never | server::test_calls_above_the_limit_are_refused
4 unbounded | without a limit | http::test_concurrency_is_not_limited_by_default
5.1 methods | five reach the function | fork::test_method_reaches_the_function
5.1 refused | others 405 without Allow | fork::test_other_methods_are_refused
5.2 body-first | read before the process starts | differs: the body is read before
5.2 unreadable | 400 with the reason | fork::test_body_that_cannot_be_read
5.2 unread-input | is no failure | fork::test_process_that_does_not_read_its_input
5.2 output-held | delays the answer | fork::test_background_process_that_holds_the_output_delays_the_answer
5.2 memory | grows with the body | differs: whole bodies in memory
5.3 off | cgi_headers=false | fork::test_cgi_headers_off_leaves_only_our_own_environment
5.3 headers | first values, canonical names | fork::test_request_is_in_the_environment
5.3 odd-names | underscores and dots | fork::test_header_names_with_underscores_and_dots
5.3 all-headers | Authorization and the rest | contract::test_case[all-headers-exported]
5.3 no-trailers | are not exported | contract::test_case[request-trailers-not-exported]
5.3 lengths | 0 without, -1 when chunked | fork::test_lengths_in_the_environment
5.3 query-path | raw query, decoded path | fork::test_request_is_in_the_environment
5.3 line-feed | may be in the path | fork::test_line_feed_in_the_path
5.3 nul | fails with 500 | fork::test_nul_in_the_path_fails
5.3 host | or that of the target | contract::test_case[host-of-absolute-target]
5.3 no-host | absent then | fork::test_host_is_absent_when_the_client_names_none
5.3 spoofing | Query can pose | differs: `Query` and other headers override
5.3 spoofing-length | ContentLength cannot | contract::test_case[length-header-cannot-be-posed]
5.3 too-large | above 128 KiB: 500 | differs: a header above 128 KiB is a 500
5.4 document | names sorted, values kept, escapes | fork::test_marshal_request
5.4 no-body | raw is empty | fork::test_marshal_request_without_a_body
5.4 environment | still by cgi_headers | contract::test_case[marshal-keeps-environment]
5.5 exit-0 | 200 with X-Duration-Seconds | fork::test_body_goes_to_the_process_and_its_output_comes_back
5.5 exit-n | 500, text, output | fork::test_failing_process_is_a_500_with_its_output
5.5 signal | 500, its name | fork::test_process_killed_by_a_signal
5.5 not-startable | 500, the reason | fork::test_command_that_does_not_exist
5.5 timeout | 408 | fork::test_exec_timeout_is_a_408_and_kills_everything_the_process_started
5.5 unreadable | 400 | fork::test_body_that_cannot_be_read
5.5 method | 405 | fork::test_other_methods_are_refused
5.5 write-timeout | closed without a byte | differs: `write_timeout` closes
5.5 upload-counts | duration includes the upload | contract::test_duration_includes_a_slow_upload
5.6 forced | content_type first | contract::test_case[forced-type-wins]
5.6 request's | then the request's | fork::test_type_of_the_answer_is_that_of_the_request
5.6 errors | always sniffed | contract::test_case[forced-type-not-on-errors]
5.7 read-timeout | not for the function | fork::test_read_timeout_does_not_limit_the_function
5.7 headers-late | closed silently | server::test_header_that_never_ends_is_closed_silently
5.7 body-late | 400 | fork::test_body_that_stops_coming
5.7 client-gone | the child goes on | differs: a client that disconnects
5.8 stderr | one record when not combined | fork::test_stderr_is_logged_when_it_is_not_combined
5.8 stderr-failure | not in the answer then | contract::test_case[combine-output-off-on-failure]
5.8 log | bytes and duration | fork::test_log_names_bytes_and_duration
5.8 log-more | notices of forking and results | differs: a log line when a process starts
6 methods | all, HEAD without a body | streaming::test_every_method_is_answered
6 at-once | starts before the body has come | streaming::test_process_sees_the_body_as_it_arrives
6 flush | small writes wait | differs: streaming holds small writes back
6 status | always 200 | differs: streaming always answers 200
6 type | octet-stream, no duration | streaming::test_stream_is_of_no_particular_type
6 stderr | to the log | streaming::test_stderr_goes_to_the_log
6 unread | answer comes, connection closes | server::test_rest_of_a_body_is_never_a_request
6 unread-rest | is ignored | differs: an incomplete body is ignored
6 environment | as without a mode, less two | differs: `Http_Host` and `Http_ContentLength`
6 cgi_headers | has no effect | differs: `cgi_headers=false` has no effect
6 x-timeout | is ignored | differs: `X-Timeout` shortens calls in `http` only
7 answer | 200, stdout, duration | streaming::test_serialized_answer
7 exit-n | 500, text only | streaming::test_serialized_failure_has_its_own_text_only
7 errors | timeout, not startable: 500 | streaming::test_serialized_errors
7 broken-body | 500 | streaming::test_serialized_body_that_breaks_off
7 slow-body | 500 | contract::test_case[serializing-slow-body]
7 type-on-failure | the set one | contract::test_case[serializing-type-on-failure]
7 head | without a body | contract::test_case[serializing-head]
7 race | unread input fails at random (ours never) | streaming::test_process_that_does_not_read_all_is_no_failure
7 leak | goroutines and log lines are lost (ours never) | streaming::test_every_line_of_short_processes_is_logged
8 index | index.html | static::test_index
8 listing | or a list, dot files too | static::test_folder_is_listed
8 redirects | 301 | static::test_redirects
8 types | by extension, else sniffed | contract::test_static
8 ranges | 206 and 416 | static::test_ranges
8 conditional | 304 | static::test_file_that_has_not_changed
8 missing | 404, nosniff | static::test_missing_file
8 methods | all but HEAD get the body | contract::test_static
8 no-folder | 404 for everything | static::test_missing_folder_is_empty
8 empty-path | exit code 1 | lifecycle::test_start_is_refused_in_one_line
9.1 input | a pipe nobody writes to | contract::test_process_of_mode_http_cannot_read_our_input
9.1 url | needs a scheme | lifecycle::test_start_is_refused_in_one_line
9.1 starting | healthy, calls are 500 | differs: calls while the process starts
9.2 base | put before the target | http::test_base_path_is_put_before_the_target
9.2 absolute | 500 | differs: an absolute target
9.2 methods | all | http::test_every_method_arrives
9.2 host | preserved, or the upstream's | contract::test_upstream_is_the_host_for_a_client_that_names_none
9.2 headers | all values, nothing added | http::test_nothing_but_a_trace_is_added
9.2 hop-by-hop | copied; gzip and agent added; chunked | differs: requests become chunked in `http`
9.2 no-body | no framing | http::test_nothing_but_a_trace_is_added
9.2 trailers | of requests are dropped | differs: trailers of a request
9.2 continue | 1.5 s when it is ignored | differs: `Expect: 100-continue` costs
9.2 pool | connections are kept | http::test_connections_are_kept
9.2 redirects | not followed | http::test_redirect_is_not_followed
9.2 reason | the standard one | contract::test_reason_phrase_is_the_standard_one
9.2 answer | cookies, Date, Server; duration ours | http::test_answer_arrives_as_it_was_sent
9.2 close | the upstream's is not passed on | http_connections::test_answer_and_the_next_one
9.2 type | sniffed when missing | http::test_missing_type_is_sniffed_and_never_forced
9.2 flush | blocks of 4 KiB (ours at once) | http::test_pieces_are_passed_on_at_once
9.3 event-stream | a body fails (ours works) | contract::test_buffered_request_for_an_event_stream
9.4 pieces | passed on at once | http::test_pieces_are_passed_on_at_once
9.4 limits | none, errors are 200 | differs: event streams and upgrades
9.4 websocket | 101 and bytes both ways | http::test_upgrade_is_tunnelled
9.5 no-answer | 500, empty, marker | http::test_function_that_gives_no_answer
9.5 timeout | 504, empty, marker | http::test_exec_timeout
9.5 slow-body | 504 | http::test_body_that_stops_coming
9.5 broken | answer is cut, never ended cleanly | http::test_answer_that_breaks_off_is_cut_too
9.5 early-answer | passes through | http::test_answer_before_the_body_is_complete
9.5 client-gone | upstream is told | http::test_client_that_leaves_ends_the_call
9.6 shorter | is obeyed | http::test_caller_may_shorten_the_time
9.6 longer | is ignored | http::test_caller_cannot_lengthen_the_time
9.6 forwarded | the function sees it | http_connections::test_headers_of_a_plain_request_arrive
9.6 zero | removes the limit | differs: `X-Timeout: 0` removes
9.7 ends | the watchdog ends | http::test_function_that_ends_takes_the_watchdog_along
9.7 sigterm | relayed at once | differs: SIGTERM reaches the process at once
9.8 afterburn | is refused | lifecycle::test_start_is_refused_in_one_line
10 start | two fetches, agent | tokens::test_authority_is_asked_once
10 token | with or without Bearer, X-Auth-Seconds | tokens::test_good_token
10 bad | 401 and its headers | tokens::test_bad_token
10 endless | no exp is accepted | tokens::test_token_without_an_end
10 permissions | 403 | tokens::test_permissions_are_compared_as_a_whole
10 unanchored | patterns match anywhere | differs: permission patterns match anywhere
10 open | health, metrics and ready | tokens::test_health_is_open
10 ready-function | asked without a token | tokens::test_function_is_asked_for_readiness_without_a_token
11 unhealthy | 503 | server::test_removing_the_lock_file_makes_it_unhealthy_and_no_more
11 busy | 429 | server::test_calls_above_the_limit_are_refused
11 function | its answer, query dropped | server::test_ready_asks_the_function
11 uncounted | no metrics | contract::test_what_does_not_reach_the_function_is_not_counted
12.1 lock | empty, 0660 less umask, folder made | contract::test_lock_file_is_empty_and_its_folder_is_made
12.1 removed | on SIGTERM only | contract::test_other_signals_end_it_at_once_and_leave_the_lock_file
12.2 by-hand | removing it makes it unhealthy | server::test_removing_the_lock_file_makes_it_unhealthy_and_no_more
12.2 suppressed | never healthy | differs: `suppress_lock` makes it unhealthy
12.3 sequence | 503, served, closed, awaited, 0 | lifecycle::test_drain
12.3 idle-connections | are closed | http_connections::test_drain_closes_connections_that_wait_and_ends_those_that_work
12.3 kept-connections | are served meanwhile | http_connections::test_drain_serves_kept_connections_during_the_interval
12.3 over | what runs is cut | lifecycle::test_calls_that_outlast_the_drain_are_cut_and_their_processes_killed
12.3 upgrades | are not awaited | differs: upgraded connections are not
12.3 zero | never exits | differs: `healthcheck_interval=0` never
13 names | three, types, buckets | server::test_metrics
13 methods | label in lower case, else unknown | contract::test_method_label
13 upgraded | counts as 200 | contract::test_upgraded_call_counts_as_200
13 refusals | are counted | contract::test_refusals_are_counted
13 others | health, redirects, errors are not | contract::test_what_does_not_reach_the_function_is_not_counted
13 families | go_, process_, promhttp_ | differs: `promhttp_*` and most
13 format | 0.0.4, gzip | server::test_metrics_are_packed_for_those_who_ask
14 access | method, target, status, size, seconds | streaming::test_access_line
14 access-http | status with its phrase, id | http_connections::test_every_request_of_a_connection_is_counted_and_logged
14 stderr | date, time, stream | streaming::test_stderr_goes_to_the_log
14 stdout-http | to our stdout | http::test_output_of_the_function_is_logged
14 probes | kube-probe leaves no line | streaming::test_probes_leave_no_access_line
14 long-lines | stop the logging | differs: lines longer than `log_buffer_size`
14 last-line | without an end is lost (ours never) | streaming::test_line_without_an_end_and_lines_too_long_are_logged
15 never-502 | a broken upstream is 500 | http::test_function_that_gives_no_answer
16 static | the binary needs no C library | contract::test_binary_is_static
16 names | Http_Method, Http_Query, Http_Path | fork::test_request_is_in_the_environment
"""

ROWS = [Row(*(part.strip() for part in line.split(" | "))) for line in TEXT.strip().splitlines()]
