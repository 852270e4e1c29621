"""Faults: what a run does while the broker, the network, the disk or a process of ours breaks. Each proves its fault.

The twenty faults and bad inputs that must be survived, and the test of each (`test_twenty.py` checks this table):

    1   kill -9 of a worker in a batch          test_worker_killed.test_a_killed_worker_leaves_an_account
    2   kill -9 of the parent                   test_process.test_fault_2_the_parent_is_killed
    3   SIGSTOP of a worker, 2 s                test_process.test_fault_3_a_worker_is_frozen_for_two_seconds
    4   kill -9 of the broker, restart          test_broker.test_fault_4_a_broker_is_killed_and_comes_back
    5   SIGSTOP of the broker, 12 s             test_broker.test_fault_5_a_broker_is_frozen_longer_than_a_record_may_wait
    6   `lo` down 8 s                           test_network.test_fault_6_the_link_is_down_for_8_seconds
    7   connections reset                       test_network.test_fault_7_connections_are_reset
    8   the ProduceResponse cut                 test_network.test_fault_8_an_answer_is_cut_and_idempotence_writes_once
    9   writes of 7 bytes                       test_network.test_fault_9_seven_bytes_at_a_time
    10  a link of 1 Mbit/s                      test_network.test_fault_10_a_link_of_one_megabit
    11  the broker's log directory full         test_disk.test_fault_11_a_log_directory_of_the_broker_is_full
    12  results full, read-only, a link         test_results.test_fault_12_the_disk_fills_while_a_run_is_saved
    13  a record over max.message.bytes         test_topic.test_fault_13_a_record_larger_than_the_topic_takes
    14  the topic deleted                       test_topic.test_fault_14_the_topic_is_deleted
    15  partitions raised                       test_topic.test_fault_15_the_topic_grows
    16  password, certificate, wrong protocol   ..brokers.test_connection.test_a_refused_login
    17  a quota                                 test_broker.test_fault_17_a_quota_is_named_as_the_limit
    18  few files, little memory                test_limits.test_fault_18_few_files
    19  bad settings                            ..security.test_bad_settings.test_a_bad_flag
    20  hostile result files                    ..security.test_hostile_files.test_the_corpus_is_refused

`make faults` runs small sizes, `make -j3 faults-full` all; `LOADGEN_FAULT_RECORD=FILE` keeps what they found (`record.py`).
"""
