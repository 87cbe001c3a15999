"""The core features as a PySpark user would compute them, in one local JVM."""

from pyspark import SparkContext
from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F

import arguments

options = arguments.parse()
spark = (
    SparkSession.builder.appName("core features")
    .master(f"local[{options.threads}]")
    .config("spark.driver.memory", options.memory)
    .config("spark.sql.shuffle.partitions", 8 * options.threads)
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.sql.ansi.enabled", "false")
    .config("spark.ui.enabled", "false")
    .config("spark.ui.showConsoleProgress", "false")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")


def table(name, **columns):
    return spark.read.parquet(f"{options.lake}/{name}").select(
        *(F.col(source).alias(target) for target, source in columns.items())
    )


component = (
    table("measuring_component", id="MEASR_COMP_ID", config="DEVICE_CONFIG_ID", type="MEASR_COMP_TYPE_CD")
    .where(F.col("type").endswith("-DEL"))
    .drop("type")
)
event = (
    table(
        "install_event",
        config="DEVICE_CONFIG_ID",
        removed="D1_REMOVAL_DTTM",
        status="BO_STATUS_CD",
        status_updated="STATUS_UPD_DTTM",
    )
    .groupBy("config")
    .agg(
        F.max(F.to_date("removed")).alias("removed"),
        F.max(F.when(F.col("status") == "OFF", F.to_date("status_updated"))).alias("off"),
    )
)
newest = (
    table(
        "measurements", id="MEASR_COMP_ID", measured_at="MSRMT_DTTM", kwh="MSRMT_VAL", updated="LAST_UPDATE_DTTM"
    )
    .join(F.broadcast(component.select("id")), "id", "left_semi")
    .groupBy("id", "measured_at")
    .agg(F.max_by("kwh", "updated").alias("kwh"))
    .withColumn("start", F.col("measured_at") - F.expr(f"INTERVAL {options.interval_seconds} SECONDS"))
)
daily = newest.groupBy("id", F.to_date("start").alias("day")).agg(
    F.sum("kwh").cast("double").alias("kwh"),
    F.sum(F.when(F.hour("start") < 6, F.col("kwh")).otherwise(0)).cast("double").alias("night_kwh"),
    F.min("kwh").cast("double").alias("least"),
    F.max("kwh").cast("double").alias("most"),
)
by_day = Window.partitionBy("id").orderBy("day")
zeros_by_day = Window.partitionBy("id", F.col("kwh") == 0).orderBy("day")
placed = (
    daily.withColumn("week_before", F.lag("kwh", 7).over(by_day))
    .withColumn("age", F.date_diff(F.max("day").over(Window.partitionBy("id")), "day"))
    .withColumn("streak", F.row_number().over(by_day) - F.row_number().over(zeros_by_day))
)
zero_run = (
    placed.where("kwh = 0")
    .groupBy("id", "streak")
    .count()
    .groupBy("id")
    .agg(F.max("count").alias("longest_zero_run_days"))
)


def sum_after(moment):
    return F.sum(F.when(F.col("day") > F.col(moment), F.col("kwh")).otherwise(0))


def median_where(condition):
    return F.percentile(F.when(condition, F.col("kwh")), 0.5)


features = (
    placed.join(component, "id")
    .join(F.broadcast(event), "config", "left")
    .groupBy("id")
    .agg(
        F.count("*").alias("days"),
        F.sum("kwh").alias("total_kwh"),
        F.avg("kwh").alias("mean_kwh"),
        F.stddev_samp("kwh").alias("stddev_kwh"),
        F.sum((F.col("kwh") == 0).cast("int")).alias("zero_days"),
        (median_where(F.col("age") < 30) / median_where(F.col("age") >= 30)).alias("recent_ratio"),
        F.percentile("kwh", 0.95).alias("p95_kwh"),
        (F.sum("night_kwh") / F.sum("kwh")).alias("night_share"),
        F.min("least").alias("min_interval_kwh"),
        F.max("most").alias("max_interval_kwh"),
        F.corr("kwh", "week_before").alias("lag7_corr"),
        F.regr_slope("kwh", F.unix_date("day")).alias("slope_kwh_per_day"),
        sum_after("removed").alias("kwh_not_installed"),
        sum_after("off").alias("kwh_off"),
    )
    .join(zero_run, "id", "left")
    .fillna(0, ["longest_zero_run_days"])
    .withColumnRenamed("id", "measuring_component_id")
    .orderBy("measuring_component_id")
)
features.coalesce(1).write.mode("overwrite").parquet(options.output)

# The JVM's processor time is counted only if this process waits for it to end.
gateway = SparkContext._gateway
spark.stop()
gateway.shutdown()
gateway.proc.stdin.close()
gateway.proc.wait()
