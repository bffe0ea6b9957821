-- zenctx @version@: the contexts of ZenFlow's workflow runs become descriptors, on PostgreSQL 14 or newer.
--
-- What it does
--   1. Makes zenctx's own tables (zenctx_*), or brings them up to date.
--   2. Converts every context whose values all stay inline: in batches by primary key, each in a transaction of its own
--      with the record of what was converted, so that `zenctx migrate --to legacy` can take it back.
--   3. Counts what is left, names it, and fails if a context is left that it should have converted.
-- It may be run again at any time: what is converted already is not written again.
--
-- What it leaves, unchanged, to `zenctx migrate`
--   Values for files: of more than @memory_threshold@ bytes, of a text of more than 20,000,000 bytes, nested
--   more than 900 levels deep, or with a number of more than 1000 characters. Contexts that may be descriptors already
--   (mixed, ambiguous), that are no object, or quarantined. And, while an engine may be running, runs that it may still
--   load: all but those that ended with success 5 minutes ago, or failed a day ago with no retry scheduled.
--
-- How to run it
--   Outside a transaction: it commits after each batch. `psql -v ON_ERROR_STOP=1 -f FILE` does that, neither -1 nor -c.
--   Flyway: executeInTransaction=false in a file beside it, named like it with `.conf` at the end.
--   Straight to the server: a pooler in transaction mode may give each statement another session.
--   Rights: to SELECT and UPDATE workflow_runs, to create tables in the schema, and temporary ones.
--
-- Settings: take the dashes away, or give them otherwise (PGOPTIONS='-c zenctx.include_active=on').
-- set zenctx.include_active = 'on';  -- also runs that an engine may hold: it is stopped, or it reads both forms
-- set zenctx.memory_threshold_bytes = '@memory_threshold@';  -- the engine's memory-threshold-bytes
-- set zenctx.pause_ms = '100';  -- how long to rest after each batch

set statement_timeout = 0;  -- the whole of a DO block counts as one statement
set standard_conforming_strings = on;

------------------------------------------------------------------------------------------------------------------------
-- 1. zenctx's own tables
------------------------------------------------------------------------------------------------------------------------

do $zenctx$
declare
    found_revision text;
begin
    if current_setting('server_version_num')::int < 140000 or current_setting('server_encoding') <> 'UTF8' then
        raise exception 'this script needs PostgreSQL 14 or newer, and a database in UTF8';
    end if;
    if to_regclass('workflow_runs') is null then
        raise exception 'there is no table workflow_runs: is this the ZenFlow database, and the right schema?';
    end if;
    perform pg_advisory_xact_lock(@upgrade_lock@);
    if to_regclass('zenctx_revision') is not null then
        select version_num into found_revision from zenctx_revision;
    end if;
@tables@
    if found_revision <> '@head@' then
        raise exception 'the tables of zenctx are at revision %, which this script does not know', found_revision
            using hint = 'print the script with the newer zenctx that made them';
    end if;
end
$zenctx$;

------------------------------------------------------------------------------------------------------------------------
-- 2. What becomes of each run, decided by its row alone
--
-- An entry of a context is one of these:
--   null      JSON null, which says nothing
--   shaped    has the six properties of a descriptor, and a valid type
--   loadable  lacks some of them, and the engine would read it as a descriptor all the same
--   plain     anything else: a value
-- A context is legacy where no entry is shaped, and not all that are not null are loadable.
--
-- `what` says what is to become of it: open (to be converted), waiting, large, undecided, invalid, quarantined, or
-- descriptors, null and empty, of which nothing.
------------------------------------------------------------------------------------------------------------------------

create or replace function pg_temp.zenctx_batch(
    first_id uuid, last_id uuid, only_finished boolean, retrying text[], began timestamptz,
    memory_threshold bigint
) returns table (id uuid, version xid, what text, descriptors text)
language sql stable as $function$
select
    run.id,
    run.xmin,
    case
        when run.context is null then 'null'
        when jsonb_typeof(run.context) <> 'object' then 'invalid'
        when entries.total = 0 then 'empty'
        when entries.shaped > 0 and entries.plain = 0 then 'descriptors'
        when entries.shaped > 0 or (entries.loadable > 0 and entries.plain = 0) then 'undecided'
        when entries.outside > 0 then 'large'
        when exists (
            select from zenctx_quarantine known
            where known.run_id = run.id::text and known.direction = 'descriptors'
                and known.fingerprint = encode(sha256(convert_to(run.context::text, 'UTF8')), 'hex')
        ) then 'quarantined'
        when not zenctx_batch.only_finished then 'open'
        -- Times that are infinite, or past what zenctx reads, say nothing.
        when not coalesce(
            run.started_at between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59+00'
            and run.ended_at between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59+00', false) then 'waiting'
        when run.status::text = 'SUCCESS' and run.ended_at <= zenctx_batch.began - interval '5 minutes' then 'open'
        when run.status::text = 'ERROR' and run.ended_at < zenctx_batch.began - interval '24 hours'
            and run.id::text <> all (zenctx_batch.retrying) then 'open'  -- where that is null, any may be
        else 'waiting'
    end,
    '{' || entries.descriptors || '}'
from workflow_runs run
cross join lateral (
    select
        count(*) as total,
        count(*) filter (where fit = 'shaped') as shaped,
        count(*) filter (where fit = 'loadable') as loadable,
        count(*) filter (where fit = 'plain') as plain,
        count(*) filter (where not fits_inline) as outside,
        -- As text, cast once: the values stay as they are spelled, and it is quicker than building objects.
        string_agg(
            to_json(key)::text || ':{"type":"MEMORY","locator":null,"mediaType":null,"size":' || size
            || ',"checksum":null,"inlineValue":' || spelled || '}', ','
        ) as descriptors
    -- Each step is fenced off by OFFSET 0, so that a value is spelled once, and not again for every use.
    from (
        select
            sized.*,
            case
                when fit = 'shaped' then true
                when size > zenctx_batch.memory_threshold then false
                when octet_length(spelled) > 20000000 then false
                when octet_length(spelled) > 1800 and kind in ('object', 'array') and jsonb_path_exists(
                    value, 'strict $.**{900} ? (@.type() == "object" || @.type() == "array")') then false
                when octet_length(spelled) > 1000
                    and strpos(translate(spelled, '123456789.-', '00000000000'), repeat('0', 1001)) > 0
                    then not exists (
                        select from jsonb_path_query(value, 'strict $.** ? (@.type() == "number")') as number
                        where octet_length(number::text) > 1000)
                else true
            end as fits_inline
        from (
            -- The size that the engine would note: 2 for each UTF-16 unit of a string, the bytes of a container's
            -- compact JSON.
            select
                entry.*,
                case
                    when fit = 'shaped' then 0  -- not converted
                    when kind = 'null' then 0
                    when kind = 'boolean' then 1
                    when kind = 'number' then 8
                    when kind <> 'string' then octet_length(spelled) - (
                        -- jsonb's own blanks are those that are left once the strings are gone.
                        select char_length(bare) - char_length(replace(bare, ' ', ''))
                        from regexp_replace(spelled, '"(?:[^"\\]|\\.)*"', '', 'g') as bare)
                    when octet_length(characters) = char_length(characters) then 2 * char_length(characters)::bigint
                    -- Characters beyond 16 bits have two units.
                    else 2 * (char_length(characters)::bigint
                        + char_length(regexp_replace(characters, '[^\U00010000-\U0010FFFF]', '', 'g')))
                end as size
            from (
                select
                    member.*,
                    case
                        when kind = 'null' then 'null'
                        when kind <> 'object' or value -> 'type' is null then 'plain'
                        when jsonb_typeof(value -> 'type') <> 'string' then 'plain'
                        when value ->> 'type' not in ('MEMORY', 'JSON', 'FILE') then 'plain'
                        when value - array['type', 'locator', 'mediaType', 'size', 'checksum', 'inlineValue'] <> '{}'
                            then 'plain'
                        when num_nulls(
                            value -> 'locator', value -> 'mediaType', value -> 'size', value -> 'checksum',
                            value -> 'inlineValue') = 0 then 'shaped'
                        when coalesce(jsonb_typeof(value -> 'locator'), 'null') = 'null'
                            and case
                                when value -> 'inlineValue' is null then true
                                else jsonb_typeof(value -> 'inlineValue') = 'null' and value ->> 'type' <> 'MEMORY'
                            end
                            then 'plain'
                        when jsonb_typeof(value -> 'locator') in ('object', 'array')
                            or jsonb_typeof(value -> 'mediaType') in ('object', 'array')
                            or jsonb_typeof(value -> 'checksum') in ('object', 'array')
                            then 'plain'
                        -- A size is a number of 64 bits, also as a text, which may have blanks around it.
                        when case coalesce(jsonb_typeof(value -> 'size'), 'null')
                            when 'null' then true
                            when 'number' then case
                                when value ->> 'size' ~ '^-?[0-9]{1,19}$'
                                    then abs((value ->> 'size')::numeric) <= 9223372036854775807
                                -- Any other number is read as a double first, which rounds the largest of them up.
                                else abs((value ->> 'size')::numeric) < 9223372036854775296
                            end
                            when 'string' then case
                                when size_text in ('', 'null') then true
                                when size_text ~ '^[+-]?[0-9]{1,19}$'
                                    then abs(size_text::numeric) <= 9223372036854775807
                                else false
                            end
                            else false
                        end then 'loadable'
                        else 'plain'
                    end as fit
                from (
                    select
                        key,
                        value,
                        value::text as spelled,
                        jsonb_typeof(value) as kind,
                        case when jsonb_typeof(value) = 'string' then value #>> '{}' end as characters,
                        btrim(
                            value ->> 'size',
                            E'\t\n\x0b\f\r\x1c\x1d\x1e\x1f \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005'
                            '\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000'
                        ) as size_text
                    from jsonb_each(case when jsonb_typeof(run.context) = 'object' then run.context end)
                    offset 0
                ) member
                offset 0
            ) entry
            offset 0
        ) sized
        offset 0
    ) placed
) entries
where run.id >= zenctx_batch.first_id and run.id <= zenctx_batch.last_id
$function$;

------------------------------------------------------------------------------------------------------------------------
-- 3. The conversion, and the census
------------------------------------------------------------------------------------------------------------------------

do $zenctx$
#variable_conflict use_variable
declare
    include_active constant boolean := coalesce(nullif(current_setting('zenctx.include_active', true), ''), 'off');
    threshold constant bigint := coalesce(
        nullif(current_setting('zenctx.memory_threshold_bytes', true), ''), '@memory_threshold@');
    pause_ms constant float8 := coalesce(nullif(current_setting('zenctx.pause_ms', true), ''), '0');
    began constant timestamptz := clock_timestamp();
    operation constant text := to_char(began at time zone 'UTC', 'YYYYMMDD"T"HH24MISS') || '-'
        || substr(md5(random()::text || began::text), 1, 8);
    shown constant int := 20;
    sweep int := 0;
    is_census boolean := false;
    batch_rows int := 200;
    batch_began timestamptz;
    seconds float8;
    from_id uuid;
    upto_id uuid;
    in_batch bigint;
    engine_alive boolean;
    retrying text[];
    ids uuid[];
    is_stuck boolean;
    is_all boolean;
    state text;
    line record;
    census jsonb;  -- how many contexts of each kind there are
    named jsonb;  -- the first ids of each
    total_converted bigint := 0;
    open_rows bigint;
begin
    insert into zenctx_operation (id, command, arguments, who, version, started_at, updated_at, counts)
    values (
        operation, 'db sql --convert', json_build_object('include_active', include_active)::text,
        session_user || '@' || coalesce(host(inet_client_addr()), 'localhost'), '@version@', began, began, '{}');
    commit;

    -- A sweep converts, a census counts; where rows are open after a census, because an engine put them back or
    -- somebody held them, another sweep takes them, at most five times.
    <<pass>>
    loop
        if not is_census then
            sweep := sweep + 1;
        end if;
        census := '{}';
        named := '{}';
        select id into from_id from workflow_runs order by id limit 1;

        <<batch>>
        while from_id is not null loop
            batch_began := clock_timestamp();
            perform set_config('lock_timeout', '500ms', true);
            -- The planner cannot know how few rows a batch has, and would read the whole table for each.
            perform set_config('enable_hashjoin', 'off', true);
            perform set_config('enable_mergejoin', 'off', true);
            perform set_config('jit', 'off', true);
            if not pg_try_advisory_xact_lock(@migration_lock@)
                or not pg_try_advisory_xact_lock_shared(@content_lock@) then
                raise exception 'another zenctx is at work on this database'
                    using hint = 'wait until it is done, and run this script again';
            end if;

            engine_alive := true;
            if has_any_column_privilege(to_regclass('qrtz_scheduler_state'), 'select') then
                execute 'select exists (select from qrtz_scheduler_state
                    where extract(epoch from clock_timestamp()) * 1000 - last_checkin_time < 3 * checkin_interval)'
                    into engine_alive;
            end if;
            retrying := '{}';  -- null: any failed run may be tried again
            if to_regclass('qrtz_job_details') is not null then
                retrying := null;
                if has_any_column_privilege(to_regclass('qrtz_job_details'), 'select') then
                    execute 'select coalesce(array_agg(distinct split_part(job_name, '':'', 1)), ''{}'')
                        from qrtz_job_details where job_group = ''retry-jobs''' into retrying;
                end if;
            end if;

            select part.id, part.place into upto_id, in_batch
            from (
                select sized.id, row_number() over by_id as place, sum(sized.bytes) over by_id - sized.bytes as before
                from (
                    select id, coalesce(
                        case when pg_column_compression(context) is null then 1 else 4 end * pg_column_size(context), 0
                    ) as bytes
                    from workflow_runs
                    where id >= from_id
                    order by id
                    limit batch_rows
                ) sized
                window by_id as (order by sized.id)
            ) part
            where part.before < 4194304
            order by part.id desc
            limit 1;
            exit batch when not found;

            is_stuck := false;
            if is_census then
                for line in
                    select what, count(*) as many, (array_agg(id order by id))[1:shown] as first_ids
                    from pg_temp.zenctx_batch(
                        from_id, upto_id, engine_alive and not include_active, retrying, began, threshold)
                    group by what
                loop
                    census := census || jsonb_build_object(
                        line.what, coalesce((census ->> line.what)::bigint, 0) + line.many);
                    named := named || jsonb_build_object(line.what, (
                        select jsonb_path_query_array(
                            coalesce(named -> line.what, '[]') || to_jsonb(line.first_ids), '$[0 to 19]')));
                end loop;
            else
                begin
                    -- A row is written only if it is as it was read: `xmin` changes with every write. The update
                    -- locks rows FOR NO KEY UPDATE; others may go on reading them, and inserting rows that name them.
                    with candidates as materialized (
                        select id, version, descriptors
                        from pg_temp.zenctx_batch(
                            from_id, upto_id, engine_alive and not include_active, retrying, began, threshold)
                        where what = 'open'
                        order by id
                    ),
                    written as (
                        update workflow_runs run
                        set context = candidates.descriptors::jsonb
                        from candidates
                        where run.id = candidates.id and run.xmin = candidates.version
                        returning run.id
                    )
                    select array_agg(id order by id) into ids from written;

                    if ids is not null then
                        insert into zenctx_conversion (
                            operation_id, direction, first_run_id, last_run_id, run_count, run_ids, created_at)
                        select
                            operation, 'descriptors', ids[1]::text, ids[cardinality(ids)]::text, cardinality(ids),
                            string_agg(uuid_send(id), '' order by id), clock_timestamp()
                        from unnest(ids) as id;
                        delete from zenctx_quarantine where run_id = any (ids::text[]);
                        total_converted := total_converted + cardinality(ids);
                        update zenctx_operation
                        set updated_at = clock_timestamp(),
                            counts = json_build_object('converted', total_converted, 'sweeps', sweep)::text
                        where id = operation;
                    end if;
                exception
                    when lock_not_available or deadlock_detected or serialization_failure then
                        -- Somebody holds a row: alone it is passed by, and the next sweep comes back to it.
                        is_stuck := in_batch > 1;
                    when data_exception or program_limit_exceeded or internal_error or check_violation
                        or not_null_violation or with_check_option_violation or raise_exception then
                        get stacked diagnostics state = returned_sqlstate;
                        if state like 'XX%' and sqlerrm not like '%invalid memory alloc request size%' then
                            raise;
                        end if;
                        -- A value that the database does not take: alone it is quarantined, as zenctx does.
                        is_stuck := in_batch > 1;
                        if not is_stuck then
                            delete from zenctx_quarantine where run_id = upto_id::text;
                            insert into zenctx_quarantine (
                                run_id, direction, reason, fingerprint, operation_id, created_at)
                            select
                                id::text, 'descriptors',
                                format('the database does not take a value (SQLSTATE %s)', state),
                                encode(sha256(convert_to(context::text, 'UTF8')), 'hex'), operation, clock_timestamp()
                            from workflow_runs
                            where id = upto_id;
                        end if;
                end;
            end if;
            commit;

            seconds := extract(epoch from clock_timestamp() - batch_began);
            if is_stuck then
                batch_rows := in_batch / 2;
                continue batch;
            elsif seconds > 0.5 then
                batch_rows := greatest(batch_rows / 2, 1);
            elsif seconds < 0.125 and in_batch >= batch_rows then
                batch_rows := least(batch_rows * 2, 5000);
            end if;
            select id into from_id from workflow_runs where id > upto_id order by id limit 1;
            if pause_ms > 0 and not is_census then
                perform pg_sleep(pause_ms / 1000);
            end if;
        end loop;

        open_rows := coalesce((census ->> 'open')::bigint, 0);
        exit pass when is_census and (open_rows = 0 or sweep >= 5);
        is_census := not is_census;
    end loop;

    raise notice 'Converted % contexts to descriptors, in % sweep(s).', total_converted, sweep;
    for line in
        select
            class.meaning, class.is_left, (census ->> class.what)::bigint as many,
            (select string_agg(id, ' ') from jsonb_array_elements_text(named -> class.what) as id) as first_ids
        from (values
            ('descriptors', 'are descriptors, or shaped like them', false),
            ('null', 'are NULL', false),
            ('empty', 'are {}', false),
            ('waiting', 'wait: an engine may hold the run', true),
            ('large', 'have values for files, or past a limit', true),
            ('undecided', 'are mixed or ambiguous', true),
            ('invalid', 'are no JSON object', true),
            ('quarantined', 'are quarantined', true),
            ('open', 'are still legacy, and should not be', true)
        ) as class (what, meaning, is_left)
        where census -> class.what is not null
    loop
        if line.is_left then
            raise notice '% contexts %, left to zenctx migrate: %', line.many, line.meaning,
                line.first_ids || case when line.many > shown then ' ...' else '' end;
        else
            raise notice '% contexts %', line.many, line.meaning;
        end if;
    end loop;

    is_all := census - array['descriptors', 'null', 'empty'] = '{}';
    update zenctx_operation
    set updated_at = clock_timestamp(),
        finished_at = clock_timestamp(),
        outcome = case when is_all then 'done' else 'partial' end,
        exit_code = case when is_all then 0 else 3 end,
        counts = jsonb_build_object('converted', total_converted, 'sweeps', sweep, 'census', census)::text
    where id = operation;
    commit;

    if open_rows > 0 then
        raise exception '% contexts are still legacy after % sweeps: %', open_rows, sweep, named -> 'open'
            using hint = 'somebody holds or rewrites these runs; run the script again, or stop the engine first';
    end if;
end
$zenctx$;

drop function pg_temp.zenctx_batch;
reset standard_conforming_strings;
reset statement_timeout;
