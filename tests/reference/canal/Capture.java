// Capture.java - Canal's reading of a binlog, from a position on, without its server: its dump
// client, its converter of events and its flat messages, each printed as its Kafka producer
// serializes it, one a line.
//
//   Capture HOST PORT USER PASSWORD FILE POSITION
import com.alibaba.fastjson2.JSON;
import com.alibaba.fastjson2.JSONWriter;
import com.alibaba.otter.canal.connector.core.producer.MQMessageUtils;
import com.alibaba.otter.canal.parse.inbound.SinkFunction;
import com.alibaba.otter.canal.parse.inbound.mysql.MysqlConnection;
import com.alibaba.otter.canal.parse.inbound.mysql.dbsync.LogEventConvert;
import com.alibaba.otter.canal.parse.inbound.mysql.dbsync.TableMetaCache;
import com.alibaba.otter.canal.protocol.CanalEntry.Entry;
import com.alibaba.otter.canal.protocol.CanalEntry.EntryType;
import com.alibaba.otter.canal.protocol.CanalEntry.RowChange;
import com.alibaba.otter.canal.protocol.FlatMessage;
import com.taobao.tddl.dbsync.binlog.LogEvent;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;

public class Capture {
	static MysqlConnection connect(String[] args) throws Exception {
		MysqlConnection connection = new MysqlConnection(
				new InetSocketAddress(args[0], Integer.parseInt(args[1])), args[2], args[3]);
		connection.setCharset(StandardCharsets.UTF_8);
		connection.setSlaveId(7000);
		connection.connect();
		return connection;
	}

	public static void main(String[] args) throws Exception {
		PrintStream out = new PrintStream(System.out, true, "UTF-8");
		LogEventConvert convert = new LogEventConvert();
		convert.setTableMetaCache(new TableMetaCache(connect(args), null));
		convert.setCharset(StandardCharsets.UTF_8);
		long[] id = {0};
		connect(args).dump(args[4], Long.parseLong(args[5]), (SinkFunction<LogEvent>) event -> {
			try {
				Entry entry = convert.parse(event, false);
				if (entry == null || entry.getEntryType() != EntryType.ROWDATA)
					return true;
				MQMessageUtils.EntryRowData data = new MQMessageUtils.EntryRowData();
				data.entry = entry;
				data.rowChange = RowChange.parseFrom(entry.getStoreValue());
				for (FlatMessage message : MQMessageUtils.messageConverter(
						new MQMessageUtils.EntryRowData[] {data}, ++id[0]))
					out.println(new String(JSON.toJSONBytes(message,
							JSONWriter.Feature.WriteNulls), StandardCharsets.UTF_8));
				return true;
			} catch (Throwable failure) {
				failure.printStackTrace();
				System.exit(1);
				return false;
			}
		});
	}
}
