== phase 72331.5-72375.0 (43.8s), 23814 samples, us/row 7.96
    1.366 commit
    1.094 rocksdb:low
    1.022 apply-work
    0.726 nexting_thread
    0.701 tongchou-bench
    0.628 grpcpp_sync_ser
    0.580 tongchou-node
    0.550 apply-help
    0.374 apply-read
    0.213 uplink
    0.205 uplink-read
    0.179 journal
    0.084 rocksdb:high
    0.081 tongchou-aggreg
    0.055 tongchou
    0.018 kdamond.0
    0.017 grpc_global_tim
    0.016 kworker/1:1H-kb
    0.014 python3
    0.010 kworker/u8:1-wr
    0.010 kworker/u8:3-ex
    0.006 kworker/0:1H-kb
  -- apply-work
       0.136 liblz4.so.1.9.4          LZ4_compress_fast_continue
       0.102 tongchou-aggregator      tongchou::aggregator::GrowingBloomFilter::MayHave
       0.077 tongchou-aggregator      absl::debian3::container_internal::raw_hash_set<absl::debian3::contain
       0.053 tongchou-aggregator      tongchou::aggregator::CellDeltas::AddAlone
       0.036 tongchou-aggregator      tongchou::aggregator::CellDeltas::AddContribution
       0.032 librocksdb.so.7.8.3      [unknown]
       0.031 tongchou-aggregator      std::vector<std::pair<tongchou::aggregator::Slot, tongchou::aggregator
       0.030 tongchou-aggregator      std::__cxx11::basic_string<char, std::char_traits<char>, std::allocato
       0.027 libc.so.6                __memcmp_evex_movbe
       0.022 librocksdb.so.7.8.3      rocksdb::BlockBuilder::AddWithLastKeyImpl
       0.021 libxxhash.so.0.8.1       XXH3_64bits
       0.019 tongchou-aggregator      tongchou::aggregator::CellDeltas::Take
       0.018 libc.so.6                __memmove_avx512_unaligned_erms
       0.016 tongchou-aggregator      tongchou::aggregator::CellDeltas::Add
       0.016 tongchou-aggregator      tongchou::records::DecodeRecord
       0.016 libtcmalloc_minimal.so.4.5.10 operator new[]
  -- apply-help
       0.134 tongchou-aggregator      tongchou::aggregator::GrowingBloomFilter::MayHave
       0.075 libc.so.6                __memmove_avx512_unaligned_erms
       0.046 libc.so.6                __memcmp_evex_movbe
       0.032 tongchou-aggregator      tongchou::base::internal::SortPlaces<tongchou::base::KeyOrder<tongchou
       0.029 tongchou-aggregator      tongchou::records::DecodeRecord
       0.028 tongchou-aggregator      tongchou::aggregator::IndexKeys::Of
       0.019 tongchou-aggregator      std::__insertion_sort<__gnu_cxx::__normal_iterator<tongchou::base::int
       0.015 tongchou-aggregator      tongchou::aggregator::CellDeltas::AddAlone
       0.012 libxxhash.so.0.8.1       XXH3_64bits
       0.010 tongchou-aggregator      tongchou::records::Schema::Find
       0.010 tongchou-aggregator      tongchou::aggregator::IndexKeys::Add
       0.010 tongchou-aggregator      std::vector<std::pair<tongchou::aggregator::Slot, tongchou::aggregator
       0.008 tongchou-aggregator      tongchou::records::PersonText[abi:cxx11]
       0.007 tongchou-aggregator      std::__introsort_loop<__gnu_cxx::__normal_iterator<tongchou::base::int
       0.006 tongchou-aggregator      tongchou::aggregator::PersonUpdate::Run
       0.006 librocksdb.so.7.8.3      [unknown]
== phase 72376.2-72445.2 (69.2s), 39042 samples, us/row 13.06
    4.314 apply-work
    2.840 apply-help
    1.164 rocksdb:low
    1.091 commit
    0.775 grpcpp_sync_ser
    0.671 nexting_thread
    0.651 tongchou-bench
    0.405 tongchou-node
    0.387 apply-read
    0.205 uplink
    0.168 uplink-read
    0.156 journal
    0.073 rocksdb:high
    0.065 kdamond.0
    0.018 grpc_global_tim
    0.017 kworker/1:1H-kb
    0.013 kworker/u8:3-ex
    0.012 kworker/u8:1-wr
    0.004 kworker/0:1H-kb
    0.004 tongchou-aggreg
    0.004 timer_manager
    0.004 python3
  -- apply-work
       1.341 librocksdb.so.7.8.3      [unknown]
       0.288 liblz4.so.1.9.4          LZ4_decompress_safe
       0.143 librocksdb.so.7.8.3      rocksdb::BlockBasedTable::PrefixRangeMayMatch
       0.114 ld-linux-x86-64.so.2     __tls_get_addr
       0.112 liblz4.so.1.9.4          LZ4_compress_fast_continue
       0.101 librocksdb.so.7.8.3      rocksdb::MemTableIterator::Seek
       0.100 librocksdb.so.7.8.3      rocksdb::MergingIterator::SeekImpl
       0.099 tongchou-aggregator      tongchou::aggregator::CellDeltas::AddAlone
       0.095 librocksdb.so.7.8.3      rocksdb::BlockBasedTableIterator::status
       0.094 libc.so.6                __memcmp_evex_movbe
       0.082 [kernel.kallsyms]        _copy_to_iter
       0.076 tongchou-aggregator      tongchou::records::DecodeRecord
       0.058 tongchou-aggregator      tongchou::aggregator::GrowingBloomFilter::MayHave
       0.053 librocksdb.so.7.8.3      rocksdb::FullFilterBlockReader::MayMatch
       0.049 libc.so.6                __memmove_avx512_unaligned_erms
       0.049 tongchou-aggregator      tongchou::aggregator::Batch::RangeOf
  -- apply-help
       0.871 librocksdb.so.7.8.3      [unknown]
       0.247 liblz4.so.1.9.4          LZ4_decompress_safe
       0.123 tongchou-aggregator      tongchou::aggregator::GrowingBloomFilter::MayHave
       0.091 librocksdb.so.7.8.3      rocksdb::BlockBasedTable::PrefixRangeMayMatch
       0.081 ld-linux-x86-64.so.2     __tls_get_addr
       0.070 librocksdb.so.7.8.3      rocksdb::MemTableIterator::Seek
       0.069 librocksdb.so.7.8.3      rocksdb::MergingIterator::SeekImpl
       0.063 libc.so.6                __memcmp_evex_movbe
       0.063 tongchou-aggregator      tongchou::aggregator::CellDeltas::AddAlone
       0.057 librocksdb.so.7.8.3      rocksdb::BlockBasedTableIterator::status
       0.052 [kernel.kallsyms]        _copy_to_iter
       0.039 tongchou-aggregator      std::_Function_handler<bool (std::basic_string_view<char, std::char_tr
       0.038 librocksdb.so.7.8.3      rocksdb::FullFilterBlockReader::MayMatch
       0.032 librocksdb.so.7.8.3      TLS init function for rocksdb::perf_context
       0.029 librocksdb.so.7.8.3      rocksdb::lru_cache::LRUHandleTable::FindPointer
       0.027 tongchou-aggregator      tongchou::aggregator::Batch::RangeOf
== phase 72446.5-72451.8 (5.5s), 2424 samples, us/row 0.81
    0.371 tongchou-bench
    0.282 grpcpp_sync_ser
    0.106 tongchou-node
    0.025 python3
    0.007 nexting_thread
    0.003 kdamond.0
    0.003 tongchou-aggreg
    0.003 kworker/1:1H-kb
    0.002 tongchou
    0.002 uplink
    0.001 uplink-read
    0.001 grpc_global_tim
    0.001 timer_manager
    0.001 ksoftirqd/1
    0.001 runuser
    0.001 pkill
    0.000 apply-work
    0.000 event_engine
    0.000 rocksdb:low
    0.000 kworker/u8:3-ex
    0.000 kworker/0:1-eve
    0.000 postgres
  -- apply-work
       0.000 libtcmalloc_minimal.so.4.5.10 tcmalloc::ThreadCache::ReleaseToCentralCache
  -- apply-help
